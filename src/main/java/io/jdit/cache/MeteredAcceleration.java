package io.jdit.cache;

import io.jdit.tensor.Tensor;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.Block;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Forecast;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Measures, in one generation, the time that another acceleration spends in blocks and the blocks
 * that it ran. Times on a GPU are those of launching unless the stream is synchronised.
 */
public final class MeteredAcceleration implements Acceleration, BlockRunner {
  private final Acceleration inner;
  private long nanos;
  private long blocksRun;
  private long blocksAsked;
  private long callsComputed;
  private long callsForecast;

  public MeteredAcceleration(Acceleration inner) {
    this.inner = inner;
  }

  /** What is measured. */
  public Acceleration inner() {
    return inner;
  }

  /** Milliseconds spent in blocks. */
  public double blockMillis() {
    return nanos / 1e6;
  }

  /** Blocks that ran divided by those that run without a cache, in forecast calls too. */
  public double blockShare() {
    return blockShare(List.of(this));
  }

  /** The share over all experts of a generation. */
  public static double blockShare(Collection<MeteredAcceleration> experts) {
    long run = experts.stream().mapToLong(e -> e.blocksRun).sum();
    double asked = experts.stream().mapToDouble(MeteredAcceleration::blocksUncached).sum();
    return asked == 0 ? 1 : run / asked;
  }

  private double blocksUncached() {
    return callsComputed == 0
        ? blocksAsked
        : (double) blocksAsked * (callsComputed + callsForecast) / callsComputed;
  }

  @Override
  public <C> Streams run(BlockGroup<C> group, Streams in, C conditioning) {
    long start = System.nanoTime();
    try {
      blocksAsked += group.blocks().size();
      return inner.runner().run(counted(group), in, conditioning);
    } finally {
      nanos += System.nanoTime() - start;
    }
  }

  private <C> BlockGroup<C> counted(BlockGroup<C> group) {
    List<Block<C>> blocks = new ArrayList<>();
    for (Block<C> block : group.blocks()) {
      blocks.add(
          new Block<>() {
            @Override
            public Streams forward(Streams streams, C c) {
              blocksRun++;
              return block.forward(streams, c);
            }

            @Override
            public void expect() {
              block.expect();
            }
          });
    }
    return new BlockGroup<>(group.name(), blocks, group.pattern());
  }

  @Override
  public BlockRunner runner() {
    return this;
  }

  @Override
  public Forecast forecast(Call call) {
    Forecast forecast = inner.forecast(call);
    callsForecast += forecast == null ? 0 : 1;
    return forecast;
  }

  @Override
  public Tensor computed(Call call, Tensor output) {
    callsComputed++;
    return inner.computed(call, output);
  }

  @Override
  public void close() {
    inner.close();
  }
}
