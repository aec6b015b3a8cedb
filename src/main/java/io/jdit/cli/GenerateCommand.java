package io.jdit.cli;

import io.jdit.cache.BlockCache;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.SettingsFile;
import io.jdit.metrics.StageReport;
import io.jdit.parallel.ParallelConfig;
import io.jdit.parallel.ParallelSettings;
import io.jdit.pipeline.GenerationRequest;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.Pipeline;
import io.jdit.pipeline.Pipelines;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.batch.BatchFile;
import io.jdit.tensor.Device;
import java.nio.file.Path;
import java.util.List;
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
  @Mixin private AttentionOptions attention;
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

  @Option(
      names = "--resume",
      description =
          "With --prompt-path: skip what manifest.jsonl in the output folder proves done.")
  private boolean resume;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Ranks ranks = Ranks.of(parallel, spec);
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(),
            spec.commandLine().getErr(),
            output.quiet || !ranks.speaks(),
            System.getenv());
    Terminal notes = ranks.launches() ? terminal.silent() : terminal; // rank 0 says them
    boolean batch = sampling.promptPath != null;
    requireBatchOptions(batch);
    List<GenerationRequest> requests = batch ? List.of() : sampling.requests();
    output.prepare();
    BatchFile lines = batch ? sampling.batch(output.outputFileName) : null;
    compatibility.given(spec).forEach(o -> notes.info("%s has no effect in JDiT", o));
    SettingsFile file = cache.file();
    ParallelSettings layout = parallel.settings(file);
    attention.check(layout, file, System.getenv(), notes);
    if (file != null && file.section(SettingsFile.QUANTIZE) != null) {
      notes.info(
          "warning: %s: quantize_config is not supported yet, the weights stay as they are",
          file.name());
    }
    ResolvedCacheConfig resolved = cache.resolve(System.getenv());
    resolved.warnings().forEach(w -> notes.info("warning: %s", w));
    if (cacheReport != null && !resolved.enabled()) {
      throw new IllegalArgumentException(
          "--cache-report needs a cache: give --cache or --cache-dit-config");
    }
    if (ranks.launches()) {
      return launch(ranks, layout, batch, terminal);
    }
    Interruption interruption =
        batch
            ? Interruption.resumable(terminal, ranks.tellsInterruption())
            : Interruption.install(terminal, ranks.tellsInterruption());
    try {
      return ranks.run(
          layout,
          Device.parse(model.device),
          () -> Ranks.heads(model.locate(terminal)),
          terminal,
          session -> {
            LoadOptions options =
                session
                    .apply(model.loadOptions(session.device()))
                    .withAcceleration(BlockCache.factory(resolved, session.rankSum(resolved)));
            if (batch) {
              return run(lines, options, resolved, session, interruption, terminal);
            }
            Path folder = model.locate(terminal);
            StageReport report = new StageReport();
            new PromptRun(
                    model.modelPath,
                    options,
                    report,
                    resolved.enabled(),
                    output,
                    cacheReport,
                    session,
                    terminal)
                .run(
                    Pipelines.requests(folder),
                    () -> load(folder, options, requests.get(0), report, session, terminal),
                    requests);
            return ExitCode.OK;
          });
    } finally {
      interruption.remove();
    }
  }

  private void requireBatchOptions(boolean batch) {
    if (resume && !batch) {
      throw new IllegalArgumentException("--resume goes on with a batch: give --prompt-path");
    }
    if (batch && (output.saveLatents != null || cacheReport != null)) {
      throw new IllegalArgumentException(
          (output.saveLatents != null ? "--save-latents" : "--cache-report")
              + " writes one file and does not go with --prompt-path");
    }
  }

  /**
   * Checks what can be checked in one process, then starts the ranks with the same command line.
   */
  private int launch(Ranks ranks, ParallelSettings layout, boolean batch, Terminal terminal)
      throws Exception {
    Device device = Device.parse(model.device);
    ranks.requireDevices(device);
    Path folder = model.locate(terminal);
    ParallelConfig config =
        RankSession.config(
            layout, parallel.numGpus, Ranks.heads(folder), terminal.silent()); // rank 0 says it
    if (device.isCpu()) {
      Pipelines.requireMemory(
          folder,
          model.loadOptions(device).dtype(),
          ParallelLoading.shares(config),
          parallel.numGpus);
    }
    // The ranks hear of a signal from the launcher.
    Interruption interruption =
        batch ? Interruption.resumable(terminal, true) : Interruption.install(terminal, true);
    try {
      return ranks.launch(device);
    } catch (InterruptedException e) {
      return batch ? ExitCode.RESUME : ExitCode.CANCELLED;
    } finally {
      interruption.remove();
    }
  }

  private int run(
      BatchFile file,
      LoadOptions options,
      ResolvedCacheConfig resolved,
      RankSession session,
      Interruption interruption,
      Terminal terminal)
      throws Exception {
    StageReport report = new StageReport();
    BatchRun batch =
        new BatchRun(
            sampling.promptPath,
            file,
            new BatchRun.Model(model.modelPath, options, resolved.toMap()),
            output,
            report,
            session,
            interruption,
            terminal);
    if (file.items().isEmpty()) {
      return ExitCode.FAILED;
    }
    Path folder = model.locate(terminal);
    int code =
        batch.run(
            Pipelines.requests(folder),
            () -> load(folder, options, file.items().get(0).request(), report, session, terminal),
            resume);
    if (batch.lastSettings() != null && session.first()) {
      RunSummary summary =
          new RunSummary(
              model.modelPath,
              options,
              batch.lastSettings(),
              report,
              new long[] {report.peakResident()},
              batch.saved(),
              List.of());
      summary.print(terminal);
      if (output.perfDumpPath != null) {
        summary.write(output.perfDumpPath);
      }
    }
    return code;
  }

  /** Loads the model, and warms it up when that was asked for. */
  private Pipeline load(
      Path folder,
      LoadOptions options,
      GenerationRequest first,
      StageReport report,
      RankSession session,
      Terminal terminal)
      throws Exception {
    session.stage("load");
    Pipeline pipeline = report.measure("load", () -> Pipelines.load(folder, options));
    terminal.info("%s", pipeline);
    if (warmup) {
      pipeline.generate(first, Progress.NONE).close();
      terminal.info("warm-up done, not part of the times below");
    }
    return pipeline;
  }
}
