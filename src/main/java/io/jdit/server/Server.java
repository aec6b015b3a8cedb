package io.jdit.server;

import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import io.javalin.http.HttpResponseException;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.ServedModels;
import io.jdit.engine.serve.TaskStore;
import io.jdit.media.FileWriteException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import java.util.function.Function;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An HTTP server over a scheduler. It answers from when it was started; requests for pictures and
 * videos wait in the queue until a model is there.
 */
public final class Server implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Server.class);
  private static final int MOST_THREADS = 256;

  private final ServerSettings settings;
  private final ServedModels models;
  private final ServerMetrics metrics = new ServerMetrics();
  private final TaskStore store;
  private final Scheduler scheduler;
  private final Javalin app;
  private volatile boolean ready;

  private Server(
      ServerSettings settings,
      List<ServedModel> served,
      int ranks,
      Function<Throwable, String> texts,
      Consumer<String> log)
      throws IOException {
    this.settings = settings;
    this.models = new ServedModels(served, texts);
    this.store = new TaskStore(settings.folder(), settings.keeps());
    int interrupted = store.restore();
    if (interrupted > 0) {
      log.accept(interrupted + " requests of an earlier process were not done: they have failed");
    }
    store.sweep();
    this.scheduler =
        new Scheduler(
            models, settings.batching(), settings.queue(), new TaskLog(store, log, metrics));
    metrics.watch(scheduler::waiting, scheduler::running);
    this.app = Javalin.create(config -> configure(config, ranks));
  }

  /**
   * Starts it.
   *
   * @param served models, the first is used where a request names none
   * @param ranks processes that hold a model between them
   * @param texts what is said of a failure in one line
   * @param log takes a line for every request
   * @throws IOException when the folder cannot be used
   * @throws IllegalStateException when the port is in use
   */
  public static Server start(
      ServerSettings settings,
      List<ServedModel> served,
      int ranks,
      Function<Throwable, String> texts,
      Consumer<String> log)
      throws IOException {
    Server server = new Server(settings, served, ranks, texts, log);
    try {
      server.app.start(settings.host(), settings.port());
    } catch (RuntimeException e) {
      server.close();
      throw new IllegalStateException(
          "cannot listen on "
              + settings.host()
              + ":"
              + settings.port()
              + ": the port is in use or not allowed; give another with --port",
          e);
    }
    return server;
  }

  /** Loads the first model; requests are taken before that too, and wait. */
  public void load() throws Exception {
    scheduler.between(
        () -> {
          models.load(models.find(null).name(), scheduler::busy);
          return null;
        });
    ready = true;
  }

  public int port() {
    return app.port();
  }

  /**
   * Accepts no more, and gives what is open so long to end.
   *
   * @return requests that had not
   */
  public int drain(long millis) throws InterruptedException {
    ready = false;
    scheduler.drain(millis);
    return scheduler.waiting() + scheduler.running();
  }

  @Override
  public void close() {
    scheduler.close(); // fails what is open, which answers those who wait for it
    app.stop();
  }

  private void configure(JavalinConfig config, int ranks) {
    config.startup.showJavalinBanner = false;
    config.startup.showOldJavalinVersionWarning = false;
    config.http.asyncTimeout = 0; // a video takes as long as it takes
    config.http.maxRequestSize = settings.limits().bodyBytes();
    config.http.prefer405over404 = true;
    config.jetty.threadPool = new QueuedThreadPool(MOST_THREADS, 8);
    config.jetty.modifyHttpConfiguration(http -> http.setSendServerVersion(false));
    if (!settings.origins().isEmpty()) {
      config.bundledPlugins.enableCors(
          cors ->
              cors.addRule(
                  rule -> {
                    if (settings.origins().contains("*")) {
                      rule.anyHost();
                    } else {
                      settings.origins().forEach(o -> rule.allowHost(o));
                    }
                  }));
    }
    RoutesConfig routes = config.routes;
    routes.before(this::enter);
    errors(routes);
    addRoutes(routes, ranks);
  }

  /** Every request has an id, and a key where keys are asked for. */
  private void enter(Context ctx) {
    String id = ctx.header("X-Request-Id");
    boolean plain = id != null && id.matches("[A-Za-z0-9._-]{1,64}");
    ctx.header("X-Request-Id", plain ? id : UUID.randomUUID().toString());
    if (settings.keys().isEmpty()
        || Page.isOpen(ctx.path())
        || ctx.method().name().equals("OPTIONS")) {
      return;
    }
    String given = ctx.header("Authorization");
    String token = given != null && given.startsWith("Bearer ") ? given.substring(7).strip() : "";
    boolean known = false;
    for (String key : settings.keys()) {
      known |=
          MessageDigest.isEqual(
              key.getBytes(StandardCharsets.UTF_8), token.getBytes(StandardCharsets.UTF_8));
    }
    if (!known) {
      throw ApiException.unauthorized(
          "this server asks for a key: send it as Authorization: Bearer KEY");
    }
  }

  private void errors(RoutesConfig routes) {
    routes.exception(ApiException.class, (e, ctx) -> answer(e, ctx));
    routes.exception(CompletionException.class, (e, ctx) -> answer(e.getCause(), ctx));
    routes.exception(
        HttpResponseException.class,
        (e, ctx) -> {
          boolean large = e.getStatus() == 413;
          answer(large ? tooLarge() : ApiException.of(e.getStatus(), e.getMessage()), ctx);
        });
    routes.exception(Exception.class, (e, ctx) -> answer(e, ctx));
  }

  private ApiException tooLarge() {
    return ApiException.tooLarge(
        "the body has more than "
            + settings.limits().bodyBytes()
            + " bytes, which is this server's limit");
  }

  private void answer(Throwable failure, Context ctx) {
    ApiException error;
    if (failure instanceof ApiException e) {
      error = e;
    } else if (failure instanceof FileWriteException) {
      LOG.warn("{} {}", ctx.method(), ctx.path(), failure);
      error = ApiException.failed("the result cannot be stored");
    } else {
      LOG.warn("{} {} failed", ctx.method(), ctx.path(), failure);
      error =
          ApiException.failed(
              "the server failed: see its log for " + ctx.res().getHeader("X-Request-Id"));
    }
    ctx.status(error.status());
    if (error.retrySeconds() > 0) {
      ctx.header("Retry-After", Long.toString(error.retrySeconds()));
    }
    Json.answer(ctx, error.body());
  }

  private void addRoutes(RoutesConfig routes, int ranks) {
    Submission submission = new Submission(models, scheduler, settings);
    ServerSettings.Limits limits = settings.limits();
    Pictures pictures =
        new Pictures(
            settings.folder(),
            limits.pixels(),
            settings.urls() ? new PictureDownload(limits.bodyBytes()) : null);
    ImageRoutes images = new ImageRoutes(submission, scheduler, store, pictures, settings);
    routes.post("/v1/images/generations", images::generations);
    routes.post("/v1/images/edits", images::edits);
    routes.post("/v1/images/variations", images::variations);
    routes.get("/v1/images/{id}/content", images::content);

    VideoRoutes videos = new VideoRoutes(submission, scheduler, store, pictures, settings);
    routes.post("/v1/videos", videos::create);
    routes.post("/v1/videos/sync", videos::sync);
    routes.get("/v1/videos", videos::list);
    routes.get("/v1/videos/{id}", videos::get);
    routes.delete("/v1/videos/{id}", videos::delete);
    routes.post("/v1/videos/{id}/cancel", videos::cancel);
    routes.post("/v1/videos/{id}/remix", videos::remix);
    routes.get("/v1/videos/{id}/content", videos::content);

    TaskRoutes tasks = new TaskRoutes(images, videos, scheduler, store);
    routes.post("/v1/tasks/image", tasks::image);
    routes.post("/v1/tasks/video", tasks::video);
    routes.get("/v1/tasks", tasks::list);
    routes.get("/v1/tasks/{id}", tasks::get);
    routes.delete("/v1/tasks/{id}", tasks::delete);
    routes.post("/v1/tasks/{id}/cancel", tasks::cancel);
    routes.get("/v1/tasks/{id}/events", tasks::events);

    ModelRoutes served = new ModelRoutes(models, scheduler, ranks);
    routes.get("/v1/models", served::list);
    routes.post("/v1/load/<id>", served::load);
    routes.post("/v1/unload/<id>", served::unload);
    routes.get("/v1/models/<id>", served::get); // names of the hub have a slash
    routes.get("/v1/model_info", served::first);
    routes.get("/model_info", served::first);
    routes.get("/models", served::list);

    for (String lora :
        List.of("/v1/set_lora", "/v1/merge_lora_weights", "/v1/unmerge_lora_weights")) {
      routes.post(lora, Server::noAdapters);
    }
    routes.get("/v1/list_loras", Server::noAdapters);

    routes.get("/liveness", ctx -> Json.answer(ctx, Map.of("status", "ok")));
    routes.get("/health", this::health);
    routes.get("/health_generate", this::health);
    routes.get("/server_info", this::info);
    routes.get("/stats", this::stats);
    routes.get("/metrics", this::metrics);
    Page.addTo(routes);
  }

  private static void noAdapters(Context ctx) {
    throw ApiException.notBuilt("adapters (LoRA) are not available yet: serve a merged checkpoint");
  }

  private void health(Context ctx) {
    if (!ready) {
      throw ApiException.unavailable("the model is being loaded, or the server is shutting down");
    }
    Json.answer(ctx, Map.of("status", "ok"));
  }

  private void info(Context ctx) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("version", io.jdit.engine.Version.text());
    map.put("models", models.all().stream().map(ServedModel::name).toList());
    map.put("batching_mode", settings.batching().mode().text());
    map.put("batching_max_size", settings.batching().most());
    map.put("max_queue", settings.queue());
    map.put("max_pixels", settings.limits().pixels());
    map.put("max_frames", settings.limits().frames());
    map.put("max_steps", settings.limits().steps());
    map.put("keeps_files", settings.kept());
    map.put("takes_urls", settings.urls());
    Json.answer(ctx, map);
  }

  private void stats(Context ctx) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("waiting", scheduler.waiting());
    map.put("running", scheduler.running());
    map.put("kept", store.all().size());
    map.put("retry_after_s", scheduler.retrySeconds());
    Json.answer(ctx, map);
  }

  private void metrics(Context ctx) {
    ctx.contentType(ServerMetrics.contentType()).result(metrics.text());
  }
}
