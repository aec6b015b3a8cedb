package io.jdit.cli;

import io.jdit.parallel.ParallelConfig;
import io.jdit.parallel.ParallelModel;
import io.jdit.pipeline.Distribution;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.WeightShares;

/** Lets a pipeline be built as one rank's share of a layout. */
public final class ParallelLoading {
  private ParallelLoading() {}

  /**
   * {@code options} with the strategies of {@code parallel}. A cache decides by {@link
   * ParallelModel#sampleSum} when more than one rank shares a sample.
   */
  public static LoadOptions apply(LoadOptions options, ParallelModel parallel) {
    return options.withDistribution(
        parallel.linears("transformer"),
        parallel.attention(),
        new Distribution(
            parallel.linears("text_encoder"),
            parallel.sequence(),
            parallel.branches(),
            parallel.tiles(options.dtype(), options.device())));
  }

  /** What each rank of a layout loads. */
  static WeightShares shares(ParallelConfig config) {
    return new WeightShares(config.holders("transformer"), config.holders("text_encoder"));
  }
}
