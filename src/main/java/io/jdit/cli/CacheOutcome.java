package io.jdit.cli;

import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheReport;
import io.jdit.cache.CacheStatistics;
import io.jdit.media.AtomicFile;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.GenerationResult;
import io.jdit.pipeline.LoadOptions;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * What the cache did in one generation.
 *
 * @param stepMillis times of the denoising steps
 * @param peakBytes largest size of its buffers
 */
record CacheOutcome(List<CacheStatistics> groups, List<Double> stepMillis, long peakBytes) {
  static CacheOutcome of(GenerationResult result) {
    List<BlockCache> caches = BlockCache.among(result.accelerations());
    return new CacheOutcome(
        caches.stream().flatMap(c -> c.statistics().stream()).toList(),
        result.report().denoiseSteps(),
        caches.stream().mapToLong(BlockCache::peakBytes).sum());
  }

  void print(Terminal terminal) {
    String text = new CacheReport("", groups, Map.of(), Map.of(), null).text();
    text.lines().forEach(l -> terminal.info("%s", l));
    double computed = meanMillis(false);
    double cached = meanMillis(true);
    if (!Double.isNaN(cached) && !Double.isNaN(computed)) {
      double all = stepMillis.stream().mapToDouble(Double::doubleValue).sum();
      terminal.info(
          "computed step %.1f ms, cached step %.1f ms, speed-up %.2fx of %d computed steps, cache held %.1f MB",
          computed, cached, computed * stepMillis.size() / all, stepMillis.size(), peakBytes / 1e6);
    }
  }

  /** Steps that every group and branch served from the cache. */
  private Set<Integer> cachedSteps() {
    Set<Integer> steps = null;
    for (CacheStatistics g : groups) {
      Set<Integer> both = new TreeSet<>(g.conditional().cachedSteps());
      if (g.config().separateCfg()) {
        both.retainAll(g.unconditional().cachedSteps());
      }
      if (steps == null) {
        steps = both;
      } else {
        steps.retainAll(both);
      }
    }
    return steps == null ? Set.of() : steps;
  }

  /**
   * Mean time of cached or of fully computed steps; NaN when there are none. The first step, which
   * warms up, is left out.
   */
  private double meanMillis(boolean cached) {
    Set<Integer> all = cachedSteps();
    Set<Integer> any = new TreeSet<>();
    for (CacheStatistics g : groups) {
      any.addAll(g.conditional().cachedSteps());
      any.addAll(g.unconditional().cachedSteps());
    }
    double sum = 0;
    int n = 0;
    for (int i = 1; i < stepMillis.size(); i++) {
      if (cached ? all.contains(i) : !any.contains(i)) {
        sum += stepMillis.get(i);
        n++;
      }
    }
    return sum / n;
  }

  /** One entry per block group for the performance dump. */
  Map<String, Object> toMap() {
    List<Object> contexts = new ArrayList<>();
    for (CacheStatistics g : groups) {
      Map<String, Object> m = new LinkedHashMap<>();
      m.put("expert", g.expert());
      m.put("name", g.group());
      m.put("tag", g.tag());
      m.put("cached_steps", g.conditional().cachedSteps());
      m.put("cfg_cached_steps", g.unconditional().cachedSteps());
      m.put("residual_diffs", diffs(g.conditional()));
      m.put("cfg_residual_diffs", diffs(g.unconditional()));
      contexts.add(m);
    }
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("contexts", contexts);
    map.put("peak_bytes", peakBytes);
    return map;
  }

  /** Step to difference; DBPrune's several differences of a step as their mean. */
  private static Map<String, Object> diffs(CacheStatistics.Branch branch) {
    Map<String, Object> map = new LinkedHashMap<>();
    branch
        .residualDiffs()
        .forEach(
            (step, values) ->
                map.put(
                    Integer.toString(step),
                    values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN)));
    return map;
  }

  void writePage(Path file, GenerationResult result, String model, LoadOptions options)
      throws IOException {
    Map<String, Double> stages = new LinkedHashMap<>();
    result.report().stages().forEach(s -> stages.put(s.name(), s.milliseconds()));
    Map<String, String> settings = new LinkedHashMap<>();
    PictureTexts.settings(result.settings(), model, options)
        .forEach((k, v) -> settings.put(k, String.valueOf(v)));
    settings.put("cache memory", String.format(Locale.ROOT, "%.1f MB", peakBytes / 1e6));
    byte[] png = PngWriter.encode(result.images().get(0), Map.of());
    String html = new CacheReport(result.settings().prompt(), groups, stages, settings, png).html();
    AtomicFile.write(file, html.getBytes(StandardCharsets.UTF_8));
  }
}
