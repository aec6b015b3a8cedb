package io.jdit.cli;

import io.jdit.cache.CacheRunner;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.Values;
import io.jdit.metrics.StageReport;
import io.jdit.parallel.Mesh;
import io.jdit.pipeline.FluxBenchmark;
import io.jdit.pipeline.GenerationRequest;
import io.jdit.pipeline.GenerationResult;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.Pipeline;
import io.jdit.pipeline.Pipelines;
import io.jdit.pipeline.Progress;
import io.jdit.tensor.Device;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code jdit bench}: medians of repeated runs, per stage. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    description =
        "Times a model's stages, or the steps of a FLUX transformer with random weights; prints medians and JSON.")
final class BenchCommand implements Callable<Integer> {
  @Mixin private ModelOptions model;
  @Mixin private CacheOptions cache;
  @Mixin private ParallelOptions parallel;

  @Option(
      names = "--flux-mid",
      description =
          "Time the mid-size FLUX shape with random weights instead of a model: hidden 768, 4 double and 8 single"
              + " blocks, 1024 image and 128 text tokens.")
  private boolean fluxMid;

  @Option(
      names = "--double-blocks",
      defaultValue = "4",
      description = "With --flux-mid: double blocks. Default: ${DEFAULT-VALUE}.")
  private int doubleBlocks;

  @Option(
      names = "--single-blocks",
      defaultValue = "8",
      description = "With --flux-mid: single blocks. Default: ${DEFAULT-VALUE}.")
  private int singleBlocks;

  @Option(
      names = "--runs",
      defaultValue = "5",
      description = "Measured runs. Default: ${DEFAULT-VALUE}.")
  private int runs;

  @Option(
      names = "--warmup-runs",
      defaultValue = "1",
      description = "Runs before the measured ones. Default: ${DEFAULT-VALUE}.")
  private int warmupRuns;

  @Option(names = "--num-inference-steps", description = "Steps of a run. Default: the model's.")
  private Integer steps;

  @Option(names = "--verbose", description = "Print stack traces of errors.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    if (runs < 1 || warmupRuns < 0) {
      throw new IllegalArgumentException("--runs must be >= 1 and --warmup-runs >= 0");
    }
    Ranks ranks = Ranks.of(parallel, spec);
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(),
            spec.commandLine().getErr(),
            !ranks.speaks(),
            System.getenv());
    Device device = Device.parse(model.device);
    if (ranks.launches()) {
      ranks.requireDevices(device);
      return ranks.launch(device);
    }
    Values layout = parallel.settings(cache.file());
    return ranks.run(
        layout,
        device,
        () -> fluxMid ? FluxBenchmark.MID_HEADS : Ranks.heads(model.locate(terminal)),
        terminal,
        session -> bench(session, terminal));
  }

  private int bench(RankSession session, Terminal terminal) throws Exception {
    ResolvedCacheConfig resolved = cache.resolve(System.getenv());
    LoadOptions options =
        session
            .apply(model.loadOptions(session.device()))
            .withRunner(CacheRunner.of(session.here(resolved), session.rankSum(resolved)));
    Map<String, List<Double>> times =
        fluxMid ? benchTransformer(options) : benchModel(options, session, terminal);
    if (session.first()) {
      print(options, session.mesh(), times);
    }
    return ExitCode.OK;
  }

  private void print(LoadOptions options, Mesh mesh, Map<String, List<Double>> times) {
    PrintWriter out = spec.commandLine().getOut();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("version", Version.text());
    json.put("model", fluxMid ? "flux-mid" : model.modelPath);
    json.put("dtype", options.dtype().text());
    json.put("device", options.device().toString());
    json.put("layout", mesh.toString());
    json.put("runs", runs);
    times.forEach(
        (name, values) -> {
          List<Double> sorted = values.stream().sorted().toList();
          double median = sorted.get(sorted.size() / 2);
          out.printf(
              Locale.ROOT,
              "%-12s median %9.2f ms  min %9.2f  max %9.2f%n",
              name,
              median,
              sorted.get(0),
              sorted.get(sorted.size() - 1));
          json.put(
              name.replace(' ', '_') + "_ms",
              Map.of("median", median, "min", sorted.get(0), "max", sorted.get(sorted.size() - 1)));
        });
    out.println(JsonMapper.shared().writeValueAsString(json));
  }

  private Map<String, List<Double>> benchTransformer(LoadOptions options) throws Exception {
    Map<String, List<Double>> times = new LinkedHashMap<>();
    List<Double> steps =
        FluxBenchmark.mid(options).withBlocks(doubleBlocks, singleBlocks).steps(warmupRuns, runs);
    Set<Integer> cached =
        options.runner() instanceof CacheRunner c
            ? new HashSet<>(c.statistics().get(0).conditional().cachedSteps())
            : Set.of();
    for (int i = 0; i < steps.size(); i++) {
      String name = cached.contains(warmupRuns + i) ? "cached step" : "step";
      times.computeIfAbsent(name, n -> new ArrayList<>()).add(steps.get(i));
    }
    return times;
  }

  private Map<String, List<Double>> benchModel(
      LoadOptions options, RankSession session, Terminal terminal) throws Exception {
    Path folder = model.locate(terminal);
    GenerationRequest request =
        GenerationRequest.of("a red circle on a white background").steps(steps).build();
    Map<String, List<Double>> times = new LinkedHashMap<>();
    try (Pipeline pipeline = Pipelines.load(folder, options)) {
      for (int i = 0; i < warmupRuns + runs; i++) {
        try (GenerationResult result = pipeline.generate(request, session.watched(Progress.NONE))) {
          if (i >= warmupRuns) {
            for (StageReport.Stage s : result.report().stages()) {
              times.computeIfAbsent(s.name(), n -> new ArrayList<>()).add(s.milliseconds());
            }
            times
                .computeIfAbsent("step", n -> new ArrayList<>())
                .addAll(result.report().denoiseSteps());
          }
        }
      }
    }
    return times;
  }
}
