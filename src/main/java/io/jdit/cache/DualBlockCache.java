package io.jdit.cache;

import io.jdit.kernels.CacheKernels;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.Streams;
import java.util.function.IntFunction;

/**
 * DBCache: the first F blocks always run; when what they add to the hidden stream resembles that of
 * the last computed call, the blocks in between are replaced by what they added then (or a forecast
 * of it); the last B blocks always run.
 */
public final class DualBlockCache extends BlockCache {
  private final RankSum rankSum;

  /**
   * @param configs configuration for the generation by position of the block group
   * @param rankSum adds up over the ranks that share one sample; null where one rank holds it whole
   */
  public DualBlockCache(String expert, IntFunction<CacheConfig> configs, RankSum rankSum) {
    super(expert, configs);
    this.rankSum = rankSum;
  }

  /**
   * @throws io.jdit.config.ConfigException when F + B exceeds the blocks of the group
   */
  @Override
  public <C> Streams run(BlockGroup<C> group, Streams in, C conditioning) {
    GroupCache cache = cache(group, 1);
    cache.select();
    CacheContext context = cache.context();
    CacheConfig config = context.config();
    int blocks = group.blocks().size();
    int middleFrom = config.fnComputeBlocks();
    int middleTo = blocks - config.bnComputeBlocks();
    try (TensorScope scope = TensorScope.open()) {
      Streams first = group.run(0, middleFrom, in, conditioning);
      SpanBuffers buffers = cache.begin()[0];
      ResidualDiff residualDiff =
          new ResidualDiff(config.similarity().importantConditionThreshold(), rankSum);
      CacheKernels.Residual residual = residual(in, first, buffers, context, residualDiff);
      Tensor compared =
          ResidualDiff.downsample(residual.residual(), config.similarity().downsampleFactor());
      Streams middle;
      if (context.canCache(buffers.difference(compared, residual.sums(), residualDiff))
          && buffers.fit(first)) {
        context.addCachedStep();
        middle = buffers.apply(first);
      } else {
        middle = group.run(middleFrom, middleTo, first, conditioning);
        buffers.store(compared, first, middle);
      }
      return group.run(middleTo, blocks, middle, conditioning).keepIn(scope);
    }
  }

  /** What is compared and, when it will be needed, its sums: both in one pass over memory. */
  private static CacheKernels.Residual residual(
      Streams in,
      Streams first,
      SpanBuffers buffers,
      CacheContext context,
      ResidualDiff residualDiff) {
    CacheConfig.Similarity similarity = context.config().similarity();
    if (similarity.comparesHidden()) {
      return new CacheKernels.Residual(first.hidden().copy(), null);
    }
    boolean sums =
        residualDiff.isPlain()
            && similarity.downsampleFactor() == 1
            && context.mayMeasure()
            && buffers.comparesWith(first.hidden());
    return CacheKernels.residualDiff(
        first.hidden(), in.hidden(), sums ? buffers.compared() : null, true);
  }
}
