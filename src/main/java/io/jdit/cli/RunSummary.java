package io.jdit.cli;

import io.jdit.media.AtomicFile;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.GenerationSettings;
import io.jdit.pipeline.LoadOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * Times and memory of a run, as a table and as JSON with the keys of SGLang's performance dump.
 *
 * @param rankPeaks largest resident memory of each rank, in bytes
 */
record RunSummary(
    String model,
    LoadOptions options,
    GenerationSettings settings,
    StageReport report,
    long[] rankPeaks,
    List<SavedImage> images,
    List<CacheOutcome> cache) {

  void print(Terminal terminal) {
    terminal.info("%-12s %10s %14s", "stage", "seconds", "peak memory");
    for (StageReport.Stage s : report.stages()) {
      terminal.info(
          "%-12s %10.3f %11.0f MB", s.name(), s.milliseconds() / 1e3, s.peakResident() / 1e6);
    }
    terminal.info("%-12s %10.3f", "total", report.totalMilliseconds() / 1e3);
    if (rankPeaks.length > 1) {
      terminal.info(
          "peak memory of ranks 0 to %d: %s MB",
          rankPeaks.length - 1,
          Arrays.stream(rankPeaks)
              .mapToObj(bytes -> String.format(Locale.ROOT, "%.0f", bytes / 1e6))
              .collect(Collectors.joining(", ")));
    }
  }

  void write(Path file) throws IOException {
    byte[] json =
        JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build()
            .writeValueAsBytes(toMap());
    AtomicFile.write(file, json);
  }

  Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("timestamp", Instant.now().toString());
    map.put("request_id", UUID.randomUUID().toString());
    map.put(
        "commit_hash", System.getenv().getOrDefault("SGLANG_GIT_COMMIT", "JDiT " + Version.text()));
    map.put("tag", "cli_generate");
    map.put("total_duration_ms", report.totalMilliseconds());
    List<Object> steps = new ArrayList<>();
    Map<String, Object> memory = new LinkedHashMap<>();
    for (StageReport.Stage s : report.stages()) {
      steps.add(Map.of("name", s.name(), "duration_ms", s.milliseconds()));
      double now = s.resident() / 1048576.0;
      double peak = s.peakResident() / 1048576.0;
      Map<String, Object> m = new LinkedHashMap<>();
      m.put("allocated_mb", now);
      m.put("reserved_mb", now);
      m.put("peak_allocated_mb", peak);
      m.put("peak_reserved_mb", peak);
      memory.put(s.name(), m);
    }
    map.put("steps", steps);
    List<Object> denoise = new ArrayList<>();
    for (double ms : report.denoiseSteps()) {
      denoise.add(Map.of("step", denoise.size(), "duration_ms", ms));
    }
    map.put("denoise_steps_ms", denoise);
    map.put("memory_checkpoints", memory);
    map.put("rank_peak_mb", Arrays.stream(rankPeaks).mapToObj(b -> b / 1048576.0).toList());
    map.put("meta", Map.of("prompt", settings.prompt(), "model", model));
    if (!cache.isEmpty()) {
      map.put("cache", cache.get(cache.size() - 1).toMap());
    }
    map.put("settings", PictureTexts.settings(settings, model, options));
    map.put(
        "images",
        images.stream().map(i -> Map.of("path", i.path().toString(), "seed", i.seed())).toList());
    return map;
  }
}
