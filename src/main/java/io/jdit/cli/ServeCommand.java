package io.jdit.cli;

import io.jdit.attention.AttentionBackend;
import io.jdit.attention.FusedAttention;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.EngineRunner;
import io.jdit.engine.FailureText;
import io.jdit.engine.ForecastProfiles;
import io.jdit.engine.ModelCost;
import io.jdit.engine.Provenance;
import io.jdit.engine.RankRunner;
import io.jdit.engine.RankService;
import io.jdit.engine.RankSession;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.StepRunner;
import io.jdit.offload.Offload;
import io.jdit.offload.OffloadSettings;
import io.jdit.parallel.CollectiveException;
import io.jdit.parallel.RankAgents;
import io.jdit.parallel.RankHosts;
import io.jdit.pipeline.Strategies;
import io.jdit.server.Server;
import io.jdit.server.ServerSettings;
import io.jdit.tensor.Device;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code jdit serve}: pictures and videos over HTTP. */
@Command(
    name = "serve",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    sortOptions = false,
    description =
        "Serves models over HTTP: OpenAI's interface for pictures and videos, and a page.")
final class ServeCommand implements Callable<Integer> {
  @Mixin private ModelOptions model;

  @Option(
      names = "--served-model-name",
      paramLabel = "NAME",
      description = "Name of --model-path in requests. Default: the path as it is given.")
  private String servedName;

  @Option(
      names = "--model",
      paramLabel = "NAME=PATH",
      description =
          "A further model, loaded when a request names it; where memory is short, one that nobody"
              + " uses is unloaded. Repeat it.")
  private Map<String, String> others = new LinkedHashMap<>();

  @Mixin private ServerOptions server;
  @Mixin private WarmupOptions warmup;
  @Mixin private AttentionOptions attention;
  @Mixin private CompileOptions compile;
  @Mixin private QuantizeOptions quantization;
  @Mixin private OffloadOptions offload;
  @Mixin private CacheOptions cache;
  @Mixin private ParallelOptions parallel;
  @Mixin private CompatibilityOptions compatibility;

  @Option(names = "--quiet", description = "Print nothing but errors.")
  private boolean quiet;

  @Option(names = "--verbose", description = "Print more, and stack traces of errors.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  private Function<Device, FusedAttention> kernels;

  /** Which model a rank is to load. */
  private static final String MODEL_VARIABLE = "JDIT_SERVED_MODEL";

  private static final int TERMINATED = 143; // as after SIGTERM

  @Override
  public Integer call() throws Exception {
    Ranks ranks = Ranks.of(parallel, spec);
    String commands = System.getenv(RankRunner.VARIABLE);
    boolean rank = commands != null;
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(),
            spec.commandLine().getErr(),
            quiet || rank && !ranks.speaks(),
            System.getenv());
    Terminal notes = rank ? terminal.silent() : terminal;
    compatibility.notes(spec).forEach(n -> notes.info("%s", n));
    SettingsFile file = cache.file();
    Values layout = parallel.settings(file);
    offload.settings(file); // what does not go together is said before anything is started
    compile.note(file, notes);
    AttentionBackend backend = attention.backend(layout, file, System.getenv(), notes);
    kernels = AttentionOptions.on(backend, model, terminal);
    ResolvedCacheConfig resolved = cache.resolve(System.getenv());
    resolved.warnings().forEach(w -> notes.info("warning: %s", w));
    if (rank) {
      return serveRank(ranks, layout, resolved, commands, terminal);
    }
    if (ranks.startedElsewhere() && !ranks.speaks()) {
      ranks.obeyTheFirst();
      return ExitCode.OK;
    }
    List<Values> warmups = warmup.requests();
    ServerSettings settings = server.settings(line -> terminal.info("%s", line));
    CompletableFuture<Void> ended = new CompletableFuture<>();
    try (RankAgents agents =
        ranks.startedElsewhere()
            ? ranks.gather(
                ServeCommand::endLikeTheOthers,
                lost -> ended.completeExceptionally(new CollectiveException(lost)))
            : null) {
      RankHosts hosts = agents != null || !ranks.launches() ? agents : here(ranks);
      serve(settings, served(resolved, hosts, terminal), warmups, terminal, hosts, ended);
    }
    return ExitCode.OK;
  }

  private RankHosts here(Ranks ranks) {
    Device device = Device.parse(model.device);
    ranks.requireDevices(device);
    return ranks.here(device);
  }

  /** A launcher told another process to end: this one does as if it had been told. */
  private static void endLikeTheOthers() {
    new Thread(() -> System.exit(TERMINATED), "jdit-serve-end").start();
  }

  private void serve(
      ServerSettings settings,
      List<ServedModel> served,
      List<Values> warmups,
      Terminal terminal,
      RankHosts hosts,
      CompletableFuture<Void> ended)
      throws Exception {
    Server running =
        Server.start(
            settings,
            served,
            hosts == null ? 1 : hosts.size(),
            FailureText::of,
            line -> terminal.info("%s", line));
    Thread hook = new Thread(() -> shutDown(running, terminal, ended), "jdit-serve-signal");
    Runtime.getRuntime().addShutdownHook(hook);
    terminal.info("listening on http://%s:%d", settings.host(), running.port());
    try {
      running.load(warmups);
      terminal.info("ready");
      ended.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    } finally {
      if (!ended.isDone() || ended.isCompletedExceptionally()) {
        Runtime.getRuntime().removeShutdownHook(hook);
        running.close();
      }
    }
  }

  private void shutDown(Server running, Terminal terminal, CompletableFuture<Void> ended) {
    terminal.info("shutting down: open requests have %d s", server.shutdownSeconds);
    try {
      int open = running.drain(server.shutdownSeconds * 1000L);
      if (open > 0) {
        terminal.info("%d requests were not done and have failed", open);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      running.close();
      ended.complete(null);
    }
  }

  /**
   * @param hosts of the ranks that hold the models; null for this process
   */
  private List<ServedModel> served(
      ResolvedCacheConfig resolved, RankHosts hosts, Terminal terminal) {
    Map<String, String> paths = new LinkedHashMap<>();
    paths.put(servedName == null ? model.modelPath : servedName, model.modelPath);
    paths.putAll(others);
    List<ServedModel> served = new ArrayList<>();
    paths.forEach((name, path) -> served.add(served(name, path, resolved, hosts, terminal)));
    return served;
  }

  private ServedModel served(
      String name, String path, ResolvedCacheConfig resolved, RankHosts hosts, Terminal terminal) {
    Path folder = model.locate(path, terminal);
    resolved.requireExperts(Engine.transformers(folder));
    Device device = Device.parse(model.device);
    ServedModel.Loader loader =
        hosts == null
            ? alone ->
                runner(
                    path,
                    folder,
                    resolved,
                    alone,
                    RankSession.alone(device, kernels.apply(device)),
                    terminal)
            : alone -> new RankRunner(hosts, Map.of(MODEL_VARIABLE, path));
    return new ServedModel(name, path, Engine.parameters(folder), loader);
  }

  private StepRunner runner(
      String path,
      Path folder,
      ResolvedCacheConfig resolved,
      boolean alone,
      RankSession session,
      Terminal terminal) {
    OffloadSettings settings = offload.settings(cache.file());
    Strategies strategies =
        session.apply(
            model
                .strategies(session.device())
                .withKept(server.conditioningBytes())
                .withGraphs(compile.asked(cache.file()))
                .withFormats(quantization.formats(cache.file()))
                .withPlacement(Offload.of(alone ? settings : settings.andNoMore())));
    Engine engine = Engine.load(folder, strategies, model.threads(), Values.none());
    engine.placement().forEach(line -> terminal.info("%s: %s", path, line));
    return new EngineRunner(
        engine,
        new Provenance(path, strategies, resolved.toMap()),
        session.cache(
            resolved,
            new ForecastProfiles(
                folder, strategies, System.getenv(), line -> terminal.info("%s", line))),
        session);
  }

  /** A rank that the server has started. */
  private int serveRank(
      Ranks ranks, Values layout, ResolvedCacheConfig resolved, String commands, Terminal terminal)
      throws Exception {
    String path = System.getenv(MODEL_VARIABLE);
    Path folder = model.locate(path, terminal.silent());
    CompletableFuture<Void> served = new CompletableFuture<>();
    ranks.outlastSignals(served);
    try {
      return ranks.run(
          layout,
          Device.parse(model.device),
          kernels,
          () -> ModelCost.heads(folder),
          terminal,
          session -> {
            try (StepRunner runner = runner(path, folder, resolved, true, session, terminal)) {
              RankService.run(runner, session, commands);
            }
            return ExitCode.OK;
          });
    } finally {
      served.complete(null);
    }
  }
}
