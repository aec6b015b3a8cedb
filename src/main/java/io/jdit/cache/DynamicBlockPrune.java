package io.jdit.cache;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Block;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.Streams;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntFunction;

/**
 * DBPrune: every block that is not protected is skipped on its own when its input resembles that of
 * the last call that ran it. F and B protect blocks at the ends, {@code non_prune_block_ids} any.
 */
public final class DynamicBlockPrune extends BlockCache {
  /** Channels compared with force_reduce_calibrator_vram: one in four. */
  private static final int REDUCED = 4;

  private final RankSum rankSum;

  /**
   * @param configs configuration for the generation by position of the block group
   * @param rankSum adds up over the ranks that share one sample; null where one rank holds it whole
   */
  public DynamicBlockPrune(String expert, IntFunction<CacheConfig> configs, RankSum rankSum) {
    super(expert, configs);
    this.rankSum = rankSum;
  }

  /**
   * @throws io.jdit.config.ConfigException when F + B exceeds the blocks of the group
   */
  @Override
  public <C> Streams run(BlockGroup<C> group, Streams in, C conditioning) {
    List<Block<C>> blocks = group.blocks();
    GroupCache cache = cache(group, blocks.size());
    cache.select();
    SpanBuffers[] buffers = cache.begin();
    CacheContext context = cache.context();
    CacheConfig config = context.config();
    BitSet protectedBlocks = protectedBlocks(config, blocks.size());
    var residualDiff = new ResidualDiff(config.similarity().importantConditionThreshold(), rankSum);
    int pruned = 0;
    Streams current = in;
    for (int i = 0; i < blocks.size(); i++) {
      Streams next;
      try (TensorScope scope = TensorScope.open()) {
        if (protectedBlocks.get(i)) {
          next = blocks.get(i).forward(current, conditioning);
        } else {
          Tensor compared = compared(current, config);
          if (isPruned(
              context, buffers[i], current, buffers[i].difference(compared, null, residualDiff))) {
            next = buffers[i].apply(current);
            pruned++;
          } else {
            next = blocks.get(i).forward(current, conditioning);
            buffers[i].store(compared, current, next);
          }
        }
        next.keepIn(scope);
      }
      if (current != in) {
        current.closeUnlessIn(next);
      }
      current = next;
    }
    context.branch().addPruned(pruned, blocks.size());
    return current;
  }

  private static boolean isPruned(
      CacheContext context, SpanBuffers buffers, Streams current, Difference difference) {
    if (!context.canCache(difference) || !buffers.fit(current)) {
      return false;
    }
    List<Integer> cached = context.branch().cachedSteps();
    if (cached.isEmpty() || cached.get(cached.size() - 1) != context.step()) {
      context.addCachedStep();
    }
    return true;
  }

  private static Tensor compared(Streams in, CacheConfig config) {
    int factor = config.similarity().downsampleFactor();
    if (config.prune().reduceCalibratorVram() && config.calibrator() != null) {
      factor = Math.max(REDUCED, factor);
    }
    return ResidualDiff.downsample(in.hidden(), factor);
  }

  private static BitSet protectedBlocks(CacheConfig config, int blocks) {
    BitSet set = new BitSet(blocks);
    set.set(0, config.fnComputeBlocks());
    set.set(blocks - config.bnComputeBlocks(), blocks);
    config.prune().protectedBlocks().stream().filter(id -> id < blocks).forEach(set::set);
    return set;
  }
}
