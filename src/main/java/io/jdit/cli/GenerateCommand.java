package io.jdit.cli;

import io.jdit.attention.AttentionBackend;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.forecast.ForecastStrategy;
import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import io.jdit.engine.BatchRun;
import io.jdit.engine.Engine;
import io.jdit.engine.ForecastProfiles;
import io.jdit.engine.Job;
import io.jdit.engine.ModelCost;
import io.jdit.engine.PromptRun;
import io.jdit.engine.Provenance;
import io.jdit.engine.RankSession;
import io.jdit.engine.batch.BatchFile;
import io.jdit.parallel.ParallelConfig;
import io.jdit.pipeline.LinearFormats;
import io.jdit.pipeline.Parameters;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Device;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code jdit generate}: prompts to files of pictures or videos. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    sortOptions = false,
    description = "Draws pictures and videos from prompts.")
final class GenerateCommand implements Callable<Integer> {
  @Mixin private SamplingOptions sampling;
  @Mixin private ModelOptions model;
  @Mixin private AttentionOptions attention;
  @Mixin private CompileOptions compile;
  @Mixin private OutputOptions output;
  @Mixin private ProfileOptions profiling;
  @Mixin private QuantizeOptions quantization;
  @Mixin private OffloadOptions offload;
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
      names = "--resume",
      description =
          "With --prompt-path: skip what manifest.jsonl in the output folder proves done.")
  private boolean resume;

  @Spec private CommandSpec spec;

  private LinearFormats formats;
  private Placement placement;

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
    List<Values> requests = batch ? List.of() : sampling.requests();
    output.prepare();
    // What the model makes, and so what the files are called, is known when it is found.
    BatchFile lines = batch ? sampling.batch(output.outputFileName, null) : null;
    compatibility.notes(spec).forEach(n -> notes.info("%s", n));
    SettingsFile file = cache.file();
    Values layout = parallel.settings(file);
    compile.note(file, notes);
    AttentionBackend backend = attention.backend(layout, file, System.getenv(), notes);
    formats = quantization.formats(file);
    placement = offload.placement(file);
    ResolvedCacheConfig resolved = cache.resolve(System.getenv());
    resolved.warnings().forEach(w -> notes.info("warning: %s", w));
    if (output.cacheReport != null && !resolved.enabled()) {
      throw new IllegalArgumentException(
          "--cache-report needs a cache: give --cache or --cache-dit-config");
    }
    if (batch && lines.items().isEmpty()) {
      if (ranks.speaks()) {
        TerminalConsole console = new TerminalConsole(terminal);
        lines.badLines().forEach(b -> console.error(b.of(sampling.promptPath), null));
      }
      return ExitCode.FAILED;
    }
    if (ranks.launches()) {
      return launch(ranks, layout, batch, terminal);
    }
    Interruption interruption =
        batch
            ? Interruption.resumable(terminal, ranks.tellsInterruption())
            : Interruption.install(terminal, ranks.tellsInterruption());
    try (TerminalConsole console = new TerminalConsole(terminal, output.preview, output.verbose)) {
      return ranks.run(
          layout,
          Device.parse(model.device),
          AttentionOptions.on(backend, model, terminal),
          () -> ModelCost.heads(model.locate(terminal)),
          terminal,
          joined ->
              profiling.around(
                  joined,
                  terminal,
                  session -> {
                    Job job = job(resolved, requests, session, console, terminal);
                    if (!batch) {
                      new PromptRun(job).run(requests);
                      return ExitCode.OK;
                    }
                    BatchFile named = sampling.batch(job.output().fileName(), job.output().kind());
                    return switch (new BatchRun(sampling.promptPath, named, job, interruption)
                        .run(resume)) {
                      case DONE -> ExitCode.OK;
                      case FAILED -> ExitCode.FAILED;
                      case STOPPED -> ExitCode.RESUME;
                    };
                  }));
    } finally {
      interruption.remove();
    }
  }

  /**
   * @param requests that are known before the model is loaded
   */
  private Job job(
      ResolvedCacheConfig resolved,
      List<Values> requests,
      RankSession session,
      TerminalConsole console,
      Terminal terminal) {
    Path folder = model.locate(terminal);
    resolved.requireExperts(Engine.transformers(folder));
    Strategies strategies = session.apply(strategies(session.device()));
    Provenance provenance = new Provenance(model.modelPath, strategies, resolved.toMap());
    Parameters parameters = Engine.parameters(folder);
    ForecastStrategy acceleration =
        session.cache(
            resolved, new ForecastProfiles(folder, strategies, System.getenv(), console::info));
    requests.forEach(r -> acceleration.requireProfile(parameters.resolve(r).values()));
    return new Job(
        folder,
        provenance,
        model.threads(),
        acceleration,
        output.output(parameters.kind()),
        warmup,
        session,
        console);
  }

  private Strategies strategies(Device device) {
    return model
        .strategies(device)
        .withFormats(formats)
        .withPlacement(placement)
        .withGraphs(compile.asked(cache.file()));
  }

  private void requireBatchOptions(boolean batch) {
    if (resume && !batch) {
      throw new IllegalArgumentException("--resume goes on with a batch: give --prompt-path");
    }
    if (batch && (output.saveLatents != null || output.cacheReport != null)) {
      throw new IllegalArgumentException(
          (output.saveLatents != null ? "--save-latents" : "--cache-report")
              + " writes one file and does not go with --prompt-path");
    }
  }

  /**
   * Checks what can be checked in one process, then starts the ranks with the same command line.
   */
  private int launch(Ranks ranks, Values layout, boolean batch, Terminal terminal)
      throws Exception {
    Device device = Device.parse(model.device);
    ranks.requireDevices(device);
    Path folder = model.locate(terminal);
    output.fileName(Engine.parameters(folder).kind());
    ParallelConfig config =
        RankSession.config(
            layout, parallel.numGpus(), ModelCost.heads(folder), line -> {}); // rank 0 says it
    if (device.isCpu()) {
      Engine.requireMemory(folder, strategies(device), config, parallel.numGpus());
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
}
