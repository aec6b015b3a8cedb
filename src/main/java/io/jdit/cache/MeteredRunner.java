package io.jdit.cache;

import io.jdit.transformer.Block;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs blocks through another runner, which can be exchanged between generations, and measures the
 * time spent there and the blocks that ran. Times on a GPU are those of launching unless the stream
 * is synchronised.
 */
public final class MeteredRunner implements BlockRunner {
  private BlockRunner inner;
  private long nanos;
  private long blocksRun;
  private long blocksAsked;

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

  /** Blocks that ran in this generation divided by those that would have run uncached. */
  public double blockShare() {
    return blocksAsked == 0 ? 1 : (double) blocksRun / blocksAsked;
  }

  @Override
  public <C> Streams run(BlockGroup<C> group, Streams in, C conditioning) {
    long start = System.nanoTime();
    try {
      blocksAsked += group.blocks().size();
      return inner.run(counted(group), in, conditioning);
    } finally {
      nanos += System.nanoTime() - start;
    }
  }

  private <C> BlockGroup<C> counted(BlockGroup<C> group) {
    List<Block<C>> blocks = new ArrayList<>();
    for (Block<C> block : group.blocks()) {
      blocks.add(
          (streams, c) -> {
            blocksRun++;
            return block.forward(streams, c);
          });
    }
    return new BlockGroup<>(group.name(), blocks, group.pattern());
  }

  @Override
  public void beginGeneration(int steps, int callsPerStep) {
    nanos = 0;
    blocksRun = 0;
    blocksAsked = 0;
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
