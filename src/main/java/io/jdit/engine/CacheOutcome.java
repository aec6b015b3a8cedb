package io.jdit.engine;

import io.jdit.cache.CacheStatistics;
import io.jdit.cache.StepCache;
import io.jdit.media.AtomicFile;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.report.CacheReport;
import io.jdit.report.CacheTimes;
import io.jdit.transformer.Acceleration;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * What the cache did in one generation.
 *
 * @param notes what the user should know
 * @param stepMillis times of the denoising steps
 * @param peakBytes largest size of its buffers
 */
record CacheOutcome(
    List<CacheStatistics> groups, List<String> notes, List<Double> stepMillis, long peakBytes) {
  /** Empty when the generation had no cache. */
  static Optional<CacheOutcome> of(Result result) {
    return of(result.accelerations(), result.report().denoiseSteps());
  }

  /**
   * @param accelerations of a generation, closed
   */
  static Optional<CacheOutcome> of(
      Collection<Acceleration> accelerations, List<Double> stepMillis) {
    List<StepCache> caches = StepCache.among(accelerations);
    return caches.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new CacheOutcome(
                caches.stream().flatMap(c -> c.statistics().stream()).toList(),
                caches.stream().flatMap(c -> c.notes().stream()).toList(),
                stepMillis,
                caches.stream().mapToLong(StepCache::peakBytes).sum()));
  }

  void print(Console console) {
    String text = new CacheReport("", groups, Map.of(), Map.of(), null).text();
    text.lines().forEach(console::info);
    notes.forEach(n -> console.info("warning: " + n));
    CacheTimes times = CacheTimes.of(groups, stepMillis);
    if (times.isComparison()) {
      console.info(String.format(Locale.ROOT, "%s, cache held %.1f MB", times, peakBytes / 1e6));
    }
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

  /**
   * @param view what is shown of the first output
   */
  void writePage(Path file, Result result, Picture view, Provenance provenance) {
    Map<String, Double> stages = new LinkedHashMap<>();
    result.report().stages().forEach(s -> stages.put(s.name(), s.milliseconds()));
    Map<String, String> settings = new LinkedHashMap<>();
    provenance.settings(result.request()).forEach((k, v) -> settings.put(k, String.valueOf(v)));
    settings.put("cache memory", String.format(Locale.ROOT, "%.1f MB", peakBytes / 1e6));
    try {
      byte[] png = PngWriter.encode(view, Map.of());
      String html =
          new CacheReport(result.request().prompt(), groups, stages, settings, png).html();
      AtomicFile.write(file, html.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
