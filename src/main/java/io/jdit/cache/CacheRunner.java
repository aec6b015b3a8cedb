package io.jdit.cache;

import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A runner that serves blocks from a cache: one state per block group, rebuilt for every
 * generation. Buffers live until the generation ends, statistics until the next one begins.
 */
public abstract sealed class CacheRunner implements BlockRunner
    permits DualBlockCache, DynamicBlockPrune {
  private static final Logger LOG = LoggerFactory.getLogger(CacheRunner.class);

  /** Steps and calls of the current generation. */
  private record Generation(int steps, int callsPerStep) {}

  private final IntFunction<CacheConfig> configs;
  private final Map<String, GroupCache> groups = new LinkedHashMap<>();
  private Generation generation;
  private long peakBytes;

  CacheRunner(IntFunction<CacheConfig> configs) {
    this.configs = configs;
  }

  /**
   * The runner that a resolved configuration asks for.
   *
   * @param rankSum adds up over the ranks that share one sample; null where one rank holds it whole
   */
  public static BlockRunner of(ResolvedCacheConfig resolved, RankSum rankSum) {
    if (!resolved.enabled()) {
      return BlockRunner.direct();
    }
    return resolved.config().type() == CacheType.DBPRUNE
        ? new DynamicBlockPrune(resolved::forGroup, rankSum)
        : new DualBlockCache(resolved::forGroup, rankSum);
  }

  @Override
  public void beginGeneration(int steps, int callsPerStep) {
    release();
    groups.clear();
    generation = new Generation(steps, callsPerStep);
  }

  @Override
  public void endGeneration() {
    if (LOG.isInfoEnabled() && generation != null) {
      groups.forEach((name, group) -> LOG.info("cache of {}: {}", name, group.statistics().tag()));
    }
    release();
    generation = null;
  }

  /**
   * Bytes that the buffers of the current or the last generation held at its end, where they are
   * largest.
   */
  public long peakBytes() {
    return peakBytes;
  }

  private void release() {
    long held = groups.values().stream().mapToLong(GroupCache::bytes).sum();
    peakBytes = held > 0 ? held : peakBytes;
    groups.values().forEach(GroupCache::close);
  }

  /** What each block group did in this generation, or the last one. */
  public List<CacheStatistics> statistics() {
    return groups.values().stream().map(GroupCache::statistics).toList();
  }

  /** The state of a group, made at its first call with F and B checked. */
  GroupCache cache(BlockGroup<?> group, int spans) {
    GroupCache cache = groups.get(group.name());
    if (cache == null) {
      CacheConfig config = configs.apply(groups.size());
      config.requireFits(group.name(), group.blocks().size());
      if (generation != null) {
        config = config.forGeneration(generation.steps(), generation.callsPerStep());
      }
      cache = new GroupCache(group.name(), config, group.pattern(), spans);
      groups.put(group.name(), cache);
    }
    return cache;
  }
}
