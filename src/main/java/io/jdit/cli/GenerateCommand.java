package io.jdit.cli;

import io.jdit.cache.CacheRunner;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.media.JpegWriter;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.media.TerminalPreview;
import io.jdit.metrics.StageReport;
import io.jdit.parallel.Launcher;
import io.jdit.parallel.ParallelSettings;
import io.jdit.parallel.RankProcess;
import io.jdit.pipeline.GenerationRequest;
import io.jdit.pipeline.GenerationResult;
import io.jdit.pipeline.GenerationSettings;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.Pipeline;
import io.jdit.pipeline.Pipelines;
import io.jdit.pipeline.Progress;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.Torch;
import io.jdit.transformer.BlockRunner;
import java.io.IOException;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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
  @Mixin private ParallelOptions parallel;
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
    Optional<RankProcess> rank = RankProcess.start(System.getenv(), parallel.timeout());
    boolean speaks = rank.isEmpty() || rank.get().isFirst();
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(),
            spec.commandLine().getErr(),
            output.quiet || !speaks,
            System.getenv());
    List<GenerationRequest> requests = sampling.requests();
    output.prepare();
    compatibility.given(spec).forEach(o -> terminal.info("%s has no effect in JDiT", o));
    ParallelSettings layout = parallel.settings(cache.file());
    ResolvedCacheConfig resolved = cache.resolve(System.getenv());
    resolved.warnings().forEach(w -> terminal.info("warning: %s", w));
    if (cacheReport != null && !resolved.enabled()) {
      throw new IllegalArgumentException(
          "--cache-report needs a cache: give --cache or --cache-dit-config");
    }
    if (rank.isEmpty() && parallel.numGpus > 1) {
      return launch(layout, terminal);
    }
    Interruption interruption = Interruption.install(terminal);
    try (RankSession session = session(rank, layout, terminal)) {
      run(requests, resolved, session, terminal);
      return ExitCode.OK;
    } catch (Exception | Error e) {
      rank.ifPresent(r -> r.failed(e));
      if (rank.isPresent()) {
        return ExitCode.of(e); // the launcher says it, once for all ranks
      }
      throw e;
    } finally {
      interruption.remove();
    }
  }

  /**
   * Checks what can be checked in one process, then starts the ranks with the same command line.
   */
  private int launch(ParallelSettings layout, Terminal terminal) throws Exception {
    Device device = Device.parse(model.device);
    if (device.isCuda() && parallel.numGpus > Torch.cudaDevices()) {
      throw new IllegalArgumentException(
          "--num-gpus "
              + parallel.numGpus
              + " asks for more GPUs than the "
              + Torch.cudaDevices()
              + " that LibTorch sees: lower it, or use --device cpu for CPU processes");
    }
    RankSession.config(
        layout, parallel.numGpus, model.locate(terminal), terminal.silent()); // rank 0 says it
    List<String> arguments = spec.root().commandLine().getParseResult().originalArgs();
    return new Launcher(
            Launcher.sameJvm(Main.class.getName(), arguments),
            parallel.numGpus,
            Map.of(),
            System.err)
        .run();
  }

  private RankSession session(
      Optional<RankProcess> rank, ParallelSettings layout, Terminal terminal) {
    Device requested = Device.parse(model.device);
    if (rank.isEmpty()) {
      layout.resolve(1);
      return RankSession.alone(requested);
    }
    return RankSession.join(rank.get(), layout, requested, model.locate(terminal), terminal);
  }

  private void run(
      List<GenerationRequest> requests,
      ResolvedCacheConfig resolved,
      RankSession session,
      Terminal terminal)
      throws Exception {
    StageReport report = new StageReport();
    Path folder = model.locate(terminal);
    CacheRunner cacheRunner =
        resolved.enabled()
            ? (CacheRunner) CacheRunner.of(session.here(resolved), session.rankSum(resolved))
            : null;
    LoadOptions options =
        session
            .apply(model.loadOptions(session.device()))
            .withRunner(cacheRunner == null ? BlockRunner.direct() : cacheRunner);
    List<CacheOutcome> outcomes = new ArrayList<>();
    List<SavedImage> saved = new ArrayList<>();
    GenerationSettings last = null;
    session.stage("load");
    try (Pipeline pipeline = report.measure("load", () -> Pipelines.load(folder, options))) {
      requests.forEach(pipeline::resolve);
      terminal.info("%s", pipeline);
      if (warmup) {
        pipeline.generate(requests.get(0), Progress.NONE).close();
        terminal.info("warm-up done, not part of the times below");
      }
      int count = requests.stream().mapToInt(GenerationRequest::images).sum();
      int first = 0;
      for (int i = 0; i < requests.size(); i++) {
        GenerationRequest request = requests.get(i);
        if (i % session.replicas() == session.replica()) {
          int index = first;
          try (StepDisplay display = new StepDisplay(terminal);
              GenerationResult result = pipeline.generate(request, session.watched(display))) {
            last = result.settings();
            result.warnings().forEach(w -> terminal.info("warning: %s", w));
            report.addAll(result.report());
            if (session.writes()) {
              if (cacheRunner != null) {
                outcomes.add(cacheOutcome(cacheRunner, result, options, terminal));
              }
              session.stage("save");
              report.measure(
                  "save", () -> saved.addAll(save(result, options, index, count, terminal)));
            }
          }
        }
        first += request.images();
      }
    }
    session.finish();
    if (last != null && session.writes()) {
      RunSummary summary = new RunSummary(model.modelPath, options, last, report, saved, outcomes);
      summary.print(terminal);
      if (output.perfDumpPath != null && session.replica() == 0) {
        summary.write(output.perfDumpPath);
      }
    }
  }

  private CacheOutcome cacheOutcome(
      CacheRunner runner, GenerationResult result, LoadOptions options, Terminal terminal)
      throws IOException {
    CacheOutcome outcome = CacheOutcome.of(runner, result.report());
    outcome.print(terminal);
    if (cacheReport != null) {
      outcome.writePage(cacheReport, result, model.modelPath, options);
    }
    return outcome;
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
