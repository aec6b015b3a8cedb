package io.jdit.cache;

import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves blocks from a cache in one generation on one expert: one state per block group. Closing it
 * frees the buffers; statistics stay readable.
 */
public abstract sealed class BlockCache implements StepCache, BlockRunner
    permits DualBlockCache, DynamicBlockPrune {
  private static final Logger LOG = LoggerFactory.getLogger(BlockCache.class);

  private final String expert;
  private final IntFunction<CacheConfig> configs;
  private final Map<String, GroupCache> groups = new LinkedHashMap<>();
  private List<String> settingsNotes = List.of();
  private boolean closed;
  private long peakBytes;

  BlockCache(String expert, IntFunction<CacheConfig> configs) {
    this.expert = expert;
    this.configs = configs;
  }

  /**
   * The strategy that a resolved configuration asks for.
   *
   * @param rankSum adds up over the ranks that share one sample; null where one rank holds it whole
   */
  public static Acceleration.Factory factory(ResolvedCacheConfig resolved, RankSum rankSum) {
    return outline -> {
      ResolvedCacheConfig own = resolved.forExpert(outline.expert());
      if (!own.enabled()) {
        return Acceleration.none().begin(outline);
      }
      IntFunction<CacheConfig> configs =
          group -> own.forGroup(group).forGeneration(outline.steps(), outline.calls());
      BlockCache cache =
          own.config().type() == CacheType.DBPRUNE
              ? new DynamicBlockPrune(outline.expert(), configs, rankSum)
              : new DualBlockCache(outline.expert(), configs, rankSum);
      cache.settingsNotes = CacheNotes.before(own, outline);
      return cache;
    };
  }

  @Override
  public BlockRunner runner() {
    return this;
  }

  @Override
  public String expert() {
    return expert;
  }

  @Override
  public long peakBytes() {
    return Math.max(peakBytes, held());
  }

  private long held() {
    return groups.values().stream().mapToLong(GroupCache::bytes).sum();
  }

  @Override
  public List<CacheStatistics> statistics() {
    return groups.values().stream().map(GroupCache::statistics).toList();
  }

  @Override
  public List<String> notes() {
    List<String> notes = new ArrayList<>(settingsNotes);
    if (closed) {
      notes.addAll(CacheNotes.after(statistics()));
    }
    return notes;
  }

  @Override
  public void close() {
    closed = true;
    long held = held();
    if (held > 0 && LOG.isInfoEnabled()) {
      statistics().forEach(s -> LOG.info("cache of {} {}: {}", expert, s.group(), s.tag()));
    }
    peakBytes = Math.max(peakBytes, held);
    groups.values().forEach(GroupCache::close);
  }

  /** The state of a group, made at its first call with F and B checked. */
  GroupCache cache(BlockGroup<?> group, int spans) {
    GroupCache cache = groups.get(group.name());
    if (cache == null) {
      CacheConfig config = configs.apply(groups.size());
      config.requireFits(group.name(), group.blocks().size());
      cache = new GroupCache(expert, group, config, spans);
      groups.put(group.name(), cache);
    }
    return cache;
  }
}
