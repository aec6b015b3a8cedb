package io.jdit.cli;

import io.jdit.cache.CacheRunner;
import io.jdit.cache.CacheSettings;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.media.Picture;
import io.jdit.media.TerminalPreview;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.GenerationRequest;
import io.jdit.pipeline.GenerationResult;
import io.jdit.pipeline.GenerationSettings;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.Pipeline;
import io.jdit.pipeline.Pipelines;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.batch.BatchFile;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.BlockRunner;
import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code jdit generate}: prompts to picture files. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    description = "Draws pictures from prompts.")
final class GenerateCommand implements Callable<Integer> {
  @Mixin private SamplingOptions sampling;
  @Mixin private ModelOptions model;
  @Mixin private OutputOptions output;
  @Mixin private CacheOptions cache;
  @Mixin private CompatibilityOptions compatibility;

  @Option(
      names = "--warmup",
      arity = "0..1",
      fallbackValue = "true",
      defaultValue = "false",
      paramLabel = "BOOL",
      description = "Run the first request once unmeasured.")
  private boolean warmup;

  @Option(
      names = "--cache-report",
      paramLabel = "FILE.html",
      description =
          "Write one page with the residual differences per step, the cached steps, times and the picture.")
  private Path cacheReport;

  @Option(
      names = "--resume",
      description =
          "With --prompt-path: skip what manifest.jsonl in the output folder proves done, and share the rest with"
              + " every other process that runs this batch there.")
  private boolean resume;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(),
            spec.commandLine().getErr(),
            output.quiet,
            System.getenv());
    boolean batch = sampling.promptPath != null;
    if (resume && !batch) {
      throw new IllegalArgumentException("--resume goes on with a batch: give --prompt-path");
    }
    if (batch && (output.saveLatents != null || cacheReport != null)) {
      throw new IllegalArgumentException(
          (output.saveLatents != null ? "--save-latents" : "--cache-report")
              + " writes one file and does not go with --prompt-path");
    }
    List<GenerationRequest> requests = batch ? List.of() : sampling.requests();
    output.prepare();
    BatchFile file = batch ? sampling.batch(output.outputFileName) : null;
    compatibility.given(spec).forEach(o -> terminal.info("%s has no effect in JDiT", o));
    Interruption interruption =
        batch ? Interruption.resumable(terminal) : Interruption.install(terminal);
    try {
      return batch ? run(file, interruption, terminal) : run(requests, terminal);
    } finally {
      interruption.remove();
    }
  }

  private int run(BatchFile file, Interruption interruption, Terminal terminal) throws Exception {
    StageReport report = new StageReport();
    ResolvedCacheConfig cacheConfig = cacheConfig(terminal);
    CacheRunner cacheRunner = cacheRunner(cacheConfig);
    LoadOptions options = loadOptions(cacheRunner);
    BatchRun batch =
        new BatchRun(
            sampling.promptPath,
            file,
            new BatchRun.Model(model.modelPath, options, settings(cacheConfig)),
            output,
            report,
            interruption,
            terminal);
    if (file.items().isEmpty()) {
      return ExitCode.FAILED;
    }
    int code;
    try (Pipeline pipeline = load(report, options, terminal)) {
      terminal.info("%s", pipeline);
      if (warmup) {
        warmUp(pipeline, file.items().get(0).request(), terminal);
      }
      code = batch.run(pipeline, resume);
    }
    if (batch.lastSettings() != null) {
      summarise(options, batch.lastSettings(), report, batch.saved(), List.of(), terminal);
    }
    return code;
  }

  private int run(List<GenerationRequest> requests, Terminal terminal) throws Exception {
    StageReport report = new StageReport();
    CacheRunner cacheRunner = cacheRunner(cacheConfig(terminal));
    LoadOptions options = loadOptions(cacheRunner);
    List<CacheOutcome> outcomes = new ArrayList<>();
    List<SavedImage> saved = new ArrayList<>();
    GenerationSettings last = null;
    try (Pipeline pipeline = load(report, options, terminal)) {
      requests.forEach(pipeline::resolve);
      terminal.info("%s", pipeline);
      if (warmup) {
        warmUp(pipeline, requests.get(0), terminal);
      }
      int count = requests.stream().mapToInt(GenerationRequest::images).sum();
      for (GenerationRequest request : requests) {
        try (StepDisplay display = new StepDisplay(terminal);
            GenerationResult result = pipeline.generate(request, display)) {
          last = result.settings();
          result.warnings().forEach(w -> terminal.info("warning: %s", w));
          report.addAll(result.report());
          if (cacheRunner != null) {
            CacheOutcome outcome = CacheOutcome.of(cacheRunner, result.report());
            outcome.print(terminal);
            outcomes.add(outcome);
            if (cacheReport != null) {
              outcome.writePage(cacheReport, result, model.modelPath, options);
            }
          }
          report.measure(
              "save", () -> saved.addAll(save(result, options, saved.size(), count, terminal)));
        }
      }
    }
    summarise(options, last, report, saved, outcomes, terminal);
    return ExitCode.OK;
  }

  private Pipeline load(StageReport report, LoadOptions options, Terminal terminal)
      throws Exception {
    Path folder = model.locate(terminal);
    return report.measure("load", () -> Pipelines.load(folder, options));
  }

  private LoadOptions loadOptions(CacheRunner cacheRunner) {
    return model.loadOptions().withRunner(cacheRunner == null ? BlockRunner.direct() : cacheRunner);
  }

  private static void warmUp(Pipeline pipeline, GenerationRequest request, Terminal terminal) {
    pipeline.generate(request, Progress.NONE).close();
    terminal.info("warm-up done, not part of the times below");
  }

  private void summarise(
      LoadOptions options,
      GenerationSettings last,
      StageReport report,
      List<SavedImage> saved,
      List<CacheOutcome> outcomes,
      Terminal terminal)
      throws IOException {
    RunSummary summary = new RunSummary(model.modelPath, options, last, report, saved, outcomes);
    summary.print(terminal);
    if (output.perfDumpPath != null) {
      summary.write(output.perfDumpPath);
    }
  }

  /** What file, environment and flags ask for. */
  private ResolvedCacheConfig cacheConfig(Terminal terminal) {
    ResolvedCacheConfig resolved = cache.resolve(System.getenv());
    resolved.warnings().forEach(w -> terminal.info("warning: %s", w));
    if (cacheReport != null && !resolved.enabled()) {
      throw new IllegalArgumentException(
          "--cache-report needs a cache: give --cache or --cache-dit-config");
    }
    return resolved;
  }

  /** Null for none. */
  private static CacheRunner cacheRunner(ResolvedCacheConfig resolved) {
    BlockRunner runner = CacheRunner.of(resolved, null);
    return resolved.enabled() ? (CacheRunner) runner : null;
  }

  /** Empty without a cache. */
  private static Map<String, Object> settings(ResolvedCacheConfig resolved) {
    if (!resolved.enabled()) {
      return Map.of();
    }
    Map<String, Object> map = new LinkedHashMap<>();
    CacheSettings settings = resolved.settings();
    settings.fields().forEach(f -> map.put(f.key(), String.valueOf(settings.<Object>get(f))));
    if (!resolved.perBlockGroup().isEmpty()) {
      map.put(
          "per_block_group",
          resolved.perBlockGroup().stream().map(CacheSettings::toString).toList());
    }
    return map;
  }

  private List<SavedImage> save(
      GenerationResult result, LoadOptions options, int first, int count, Terminal terminal)
      throws IOException {
    GenerationSettings s = result.settings();
    List<SavedImage> saved = new ArrayList<>();
    LocalDateTime now = LocalDateTime.now();
    for (int i = 0; i < result.images().size(); i++) {
      Picture picture = result.images().get(i);
      Path file =
          output.file(
              s.prompt(),
              now,
              s.toString() + i,
              first + i,
              output.outputFileName == null && s.images() == 1 ? 1 : count);
      PictureFile.write(file, picture, PictureTexts.of(s, model.modelPath, options));
      saved.add(new SavedImage(file, s.seed()));
      terminal.out().println(file);
      if (output.preview == OutputOptions.Preview.ON
          || (output.preview == OutputOptions.Preview.AUTO
              && terminal.colour()
              && !terminal.quiet())) {
        terminal.out().print(TerminalPreview.render(picture, terminal.columns()));
        terminal.out().flush();
      }
    }
    if (output.saveLatents != null) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      tensors.put("latents", result.latents());
      SafeTensorsWriter.write(output.saveLatents, tensors);
    }
    return saved;
  }
}
