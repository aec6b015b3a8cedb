package io.jdit.cache;

import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Streams;

/**
 * Runs blocks through another runner, which can be exchanged between generations, and measures the
 * time spent there. Times on a GPU are those of launching unless the stream is synchronised.
 */
public final class MeteredRunner implements BlockRunner {
  private BlockRunner inner;
  private long nanos;

  public MeteredRunner(BlockRunner inner) {
    this.inner = inner;
  }

  /** Uses {@code next} from the next generation on and closes the runner before it. */
  public void use(BlockRunner next) {
    inner.close();
    inner = next;
  }

  /** Milliseconds spent in blocks since the generation began. */
  public double blockMillis() {
    return nanos / 1e6;
  }

  @Override
  public <C> Streams run(BlockGroup<C> group, Streams in, C conditioning) {
    long start = System.nanoTime();
    try {
      return inner.run(group, in, conditioning);
    } finally {
      nanos += System.nanoTime() - start;
    }
  }

  @Override
  public void beginGeneration(int steps, int callsPerStep) {
    nanos = 0;
    inner.beginGeneration(steps, callsPerStep);
  }

  @Override
  public void endGeneration() {
    inner.endGeneration();
  }

  @Override
  public void close() {
    inner.close();
  }
}
