package io.jdit.engine;

import io.jdit.media.AtomicFile;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.Request;
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
    Provenance provenance,
    Request request,
    StageReport report,
    long[] rankPeaks,
    List<SavedPicture> pictures,
    List<CacheOutcome> cache) {
  private static final double MEBIBYTE = 1 << 20;

  void print(Console console) {
    line(console, "%-12s %10s %14s", "stage", "seconds", "peak memory");
    for (StageReport.Stage s : report.stages()) {
      line(
          console,
          "%-12s %10.3f %11.0f MB",
          s.name(),
          s.milliseconds() / 1e3,
          s.memory().peakAllocated() / 1e6);
    }
    line(console, "%-12s %10.3f", "total", report.totalMilliseconds() / 1e3);
    if (rankPeaks.length > 1) {
      line(
          console,
          "peak memory of ranks 0 to %d: %s MB",
          rankPeaks.length - 1,
          Arrays.stream(rankPeaks)
              .mapToObj(bytes -> String.format(Locale.ROOT, "%.0f", bytes / 1e6))
              .collect(Collectors.joining(", ")));
    }
  }

  private static void line(Console console, String format, Object... values) {
    console.info(String.format(Locale.ROOT, format, values));
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
      Map<String, Object> m = new LinkedHashMap<>();
      m.put("allocated_mb", s.memory().allocated() / MEBIBYTE);
      m.put("reserved_mb", s.memory().reserved() / MEBIBYTE);
      m.put("peak_allocated_mb", s.memory().peakAllocated() / MEBIBYTE);
      m.put("peak_reserved_mb", s.memory().peakReserved() / MEBIBYTE);
      memory.put(s.name(), m);
    }
    map.put("steps", steps);
    List<Object> denoise = new ArrayList<>();
    for (double ms : report.denoiseSteps()) {
      denoise.add(Map.of("step", denoise.size(), "duration_ms", ms));
    }
    map.put("denoise_steps_ms", denoise);
    map.put("memory_checkpoints", memory);
    map.put("rank_peak_mb", Arrays.stream(rankPeaks).mapToObj(b -> b / MEBIBYTE).toList());
    map.put("meta", Map.of("prompt", request.prompt(), "model", provenance.model()));
    if (!cache.isEmpty()) {
      map.put("cache", cache.get(cache.size() - 1).toMap());
    }
    map.put("settings", provenance.settings(request));
    map.put(
        "images",
        pictures.stream().map(i -> Map.of("path", i.path().toString(), "seed", i.seed())).toList());
    return map;
  }
}
