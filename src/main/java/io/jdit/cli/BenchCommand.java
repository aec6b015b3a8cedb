package io.jdit.cli;

import io.jdit.attention.AttentionBackend;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import io.jdit.engine.Benchmark;
import io.jdit.engine.ForecastProfiles;
import io.jdit.engine.ModelCost;
import io.jdit.engine.RankSession;
import io.jdit.engine.Shapes;
import io.jdit.engine.Version;
import io.jdit.media.PngWriter;
import io.jdit.metrics.Median;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Device;
import java.io.IOException;
import java.io.PrintWriter;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.IModelTransformer;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.ISetter;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import tools.jackson.databind.json.JsonMapper;

/** {@code jdit bench}: medians of repeated runs, per stage. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    modelTransformer = BenchCommand.ShapeOptions.class,
    sortOptions = false,
    description =
        "Times a model's stages, or the denoising steps of a shape with random weights; prints medians and JSON.")
final class BenchCommand implements Callable<Integer> {
  @Mixin private ModelOptions model;
  @Mixin private AttentionOptions attention;
  @Mixin private CompileOptions compile;
  @Mixin private RequestOptions request;
  @Mixin private QuantizeOptions quantization;
  @Mixin private OffloadOptions offload;
  @Mixin private CacheOptions cache;
  @Mixin private ParallelOptions parallel;
  @Mixin private ProfileOptions profiling;

  @Option(
      names = "--random-weights",
      description =
          "Time the denoising steps of the model's configuration with random weights: needs its config.json files only.")
  private boolean randomWeights;

  @Option(
      names = "--set",
      paramLabel = "COMPONENT.KEY=JSON",
      description =
          "With a shape: a setting of its configuration, for example transformer.num_layers=1.")
  private Map<String, String> settings = new LinkedHashMap<>();

  @Option(
      names = "--runs",
      defaultValue = "5",
      description = "Measured runs, or steps of a shape. Default: ${DEFAULT-VALUE}.")
  private int runs;

  @Option(
      names = "--warmup-runs",
      defaultValue = "1",
      description = "Runs before the measured ones. Default: ${DEFAULT-VALUE}.")
  private int warmupRuns;

  @Mixin private ConfigurationBench comparison;

  /** For a process that {@link ConfigurationBench} starts. */
  @Option(names = "--picture", hidden = true)
  private Path picture;

  @Option(names = "--verbose", description = "Print stack traces of errors.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  private String shape; // null for a model

  /** An option for each shape that JDiT brings along. */
  static final class ShapeOptions implements IModelTransformer {
    @Override
    public CommandSpec transform(CommandSpec command) {
      BenchCommand bench = (BenchCommand) command.userObject();
      for (String name : Shapes.names()) {
        command.addOption(
            OptionSpec.builder("--" + name)
                .arity("0")
                .type(boolean.class)
                .description("Time the steps of the shape " + name + " with random weights.")
                .setter(
                    new ISetter() {
                      @Override
                      public <T> T set(T value) {
                        if (Boolean.TRUE.equals(value)) {
                          bench.shape = name;
                        }
                        return null;
                      }
                    })
                .build());
      }
      return command;
    }
  }

  @Override
  public Integer call() throws Exception {
    if (runs < 1 || warmupRuns < 0) {
      throw new IllegalArgumentException("--runs must be >= 1 and --warmup-runs >= 0");
    }
    if (!settings.isEmpty() && shape == null) {
      throw new IllegalArgumentException(
          "--set changes a shape: give one of "
              + Shapes.names().stream().map(n -> "--" + n).toList());
    }
    if (shape != null || randomWeights) {
      offload.refuseWithRandomWeights();
    }
    comparison.check();
    if (!comparison.configs.isEmpty()) {
      if (cache.config != null || profiling.file != null) {
        throw new IllegalArgumentException(
            (cache.config != null ? "--cache-dit-config" : "--profile")
                + " is for one configuration and does not go with --configs");
      }
      return comparison.run(
          Terminal.of(
              spec.commandLine().getOut(), spec.commandLine().getErr(), false, System.getenv()));
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
    SettingsFile file = cache.file();
    Values layout = parallel.settings(file);
    compile.note(file, terminal);
    AttentionBackend backend = attention.backend(layout, file, System.getenv(), terminal);
    Path folder = shape == null ? model.locate(terminal) : Files.createTempDirectory("jdit-bench");
    try {
      if (shape != null) {
        Shapes.write(shape, settings, folder);
      }
      return ranks.run(
          layout,
          device,
          AttentionOptions.on(backend, model, terminal),
          () -> ModelCost.heads(folder),
          terminal,
          joined ->
              profiling.around(joined, terminal, session -> bench(folder, session, terminal)));
    } finally {
      if (shape != null) {
        delete(folder);
      }
    }
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private int bench(Path folder, RankSession session, Terminal terminal) throws Exception {
    ResolvedCacheConfig resolved = cache.resolve(System.getenv());
    Strategies strategies =
        session
            .apply(model.strategies(session.device()).withGraphs(compile.asked(cache.file())))
            .withFormats(quantization.formats(cache.file()))
            .withPlacement(offload.placement(cache.file()));
    Benchmark benchmark =
        new Benchmark(
            folder,
            strategies,
            model.threads(),
            session.cache(
                resolved,
                new ForecastProfiles(
                    folder, strategies, System.getenv(), line -> terminal.info("%s", line))),
            request
                .given()
                .with(RequestKeys.PROMPT, "a red circle on a white background")
                .over(Values.of(RequestKeys.SEED, BigInteger.ZERO)),
            warmupRuns,
            runs);
    Benchmark.Measured measured =
        shape != null || randomWeights ? benchmark.steps() : benchmark.stages(session);
    if (session.first()) {
      print(strategies, session, measured);
      int steps = measured.milliseconds().getOrDefault("step", List.of()).size();
      int skipped = shape != null || randomWeights ? warmupRuns : warmupRuns * steps / runs;
      spec.commandLine().getOut().print(profiling.table(skipped));
      if (picture != null && measured.picture() != null) {
        PngWriter.write(picture, measured.picture(), Map.of());
      }
    }
    return ExitCode.OK;
  }

  private void print(Strategies strategies, RankSession session, Benchmark.Measured measured) {
    Map<String, List<Double>> times = measured.milliseconds();
    PrintWriter out = spec.commandLine().getOut();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("version", Version.text());
    json.put("model", shape != null ? shape : model.modelPath);
    json.put("dtype", strategies.dtype().text());
    json.put("device", strategies.device().toString());
    if (!strategies.formats().settings().isEmpty()) {
      json.put("quantization", strategies.formats().settings());
    }
    json.put("attention_backend", session.kernel().toString());
    json.put("layout", session.mesh().toString());
    json.put("runs", runs);
    times.forEach(
        (name, values) -> {
          double median = Median.of(values);
          double min = values.stream().min(Double::compare).orElseThrow();
          double max = values.stream().max(Double::compare).orElseThrow();
          out.printf(
              Locale.ROOT, "%-12s median %9.2f ms  min %9.2f  max %9.2f%n", name, median, min, max);
          json.put(
              name.replace(' ', '_') + "_ms", Map.of("median", median, "min", min, "max", max));
        });
    json.put(
        "mean_step_ms",
        Stream.of("step", "cached step")
            .flatMap(name -> times.getOrDefault(name, List.of()).stream())
            .mapToDouble(Double::doubleValue)
            .average()
            .orElse(0));
    if (measured.flops() > 0) {
      out.printf(
          Locale.ROOT,
          "a step has %.1f GFLOP and moves %.1f MB at least%n",
          measured.flops() / 1e9,
          measured.bytes() / 1e6);
      json.put("gflop", measured.flops() / 1e9);
      json.put("moved_mb", measured.bytes() / 1e6);
    }
    json.put("peak_memory_mb", measured.peakBytes() / 1e6);
    out.printf(Locale.ROOT, "%-12s %16.0f MB", "peak memory", measured.peakBytes() / 1e6);
    if (measured.plannedBytes() > 0) {
      json.put("planned_memory_mb", measured.plannedBytes() / 1e6);
      out.printf(Locale.ROOT, ", planned %.0f", measured.plannedBytes() / 1e6);
    }
    out.println();
    out.println(JsonMapper.shared().writeValueAsString(json));
  }
}
