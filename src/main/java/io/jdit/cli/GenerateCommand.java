package io.jdit.cli;

import io.jdit.cache.CacheRunner;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.media.JpegWriter;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.media.TerminalPreview;
import io.jdit.metrics.StageReport;
import io.jdit.pipeline.GenerationRequest;
import io.jdit.pipeline.GenerationResult;
import io.jdit.pipeline.GenerationSettings;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.Pipeline;
import io.jdit.pipeline.Pipelines;
import io.jdit.pipeline.Progress;
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

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(),
            spec.commandLine().getErr(),
            output.quiet,
            System.getenv());
    List<GenerationRequest> requests = sampling.requests();
    output.prepare();
    compatibility.given(spec).forEach(o -> terminal.info("%s has no effect in JDiT", o));
    Interruption interruption = Interruption.install(terminal);
    try {
      run(requests, terminal);
    } finally {
      interruption.remove();
    }
    return ExitCode.OK;
  }

  private void run(List<GenerationRequest> requests, Terminal terminal) throws Exception {
    StageReport report = new StageReport();
    CacheRunner cacheRunner = cacheRunner(terminal);
    Path folder = model.locate(terminal);
    LoadOptions options =
        model.loadOptions().withRunner(cacheRunner == null ? BlockRunner.direct() : cacheRunner);
    List<CacheOutcome> outcomes = new ArrayList<>();
    List<SavedImage> saved = new ArrayList<>();
    GenerationSettings last = null;
    try (Pipeline pipeline = report.measure("load", () -> Pipelines.load(folder, options))) {
      requests.forEach(pipeline::resolve);
      terminal.info("%s", pipeline);
      if (warmup) {
        pipeline.generate(requests.get(0), Progress.NONE).close();
        terminal.info("warm-up done, not part of the times below");
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
    RunSummary summary = new RunSummary(model.modelPath, options, last, report, saved, outcomes);
    summary.print(terminal);
    if (output.perfDumpPath != null) {
      summary.write(output.perfDumpPath);
    }
  }

  /** The cache that file, environment and flags ask for; null for none. */
  private CacheRunner cacheRunner(Terminal terminal) {
    ResolvedCacheConfig resolved = cache.resolve(System.getenv());
    resolved.warnings().forEach(w -> terminal.info("warning: %s", w));
    BlockRunner runner = CacheRunner.of(resolved, null);
    if (cacheReport != null && !resolved.enabled()) {
      throw new IllegalArgumentException(
          "--cache-report needs a cache: give --cache or --cache-dit-config");
    }
    return resolved.enabled() ? (CacheRunner) runner : null;
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
      Map<String, String> texts = PictureTexts.of(s, model.modelPath, options);
      if (file.toString().endsWith(".png")) {
        PngWriter.write(file, picture, texts);
      } else {
        JpegWriter.write(file, picture, 90, texts.get("settings"));
      }
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
