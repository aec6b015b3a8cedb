package io.jdit.server;

import static io.jdit.server.Route.delete;
import static io.jdit.server.Route.get;
import static io.jdit.server.Route.post;

import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.jdit.config.Values;
import io.jdit.engine.Version;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.ServedModels;
import io.jdit.engine.serve.TaskStore;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/**
 * An HTTP server over a scheduler. It answers from when it was started; requests for pictures and
 * videos wait in the queue until a model is there.
 */
public final class Server implements AutoCloseable {
  private static final int MOST_THREADS = 256;

  private final ServerSettings settings;
  private final ServedModels models;
  private final ServerMetrics metrics = new ServerMetrics();
  private final TaskStore store;
  private final Scheduler scheduler;
  private final WaitingClients clients;
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
            models,
            settings.batching(),
            settings.queue(),
            new TaskLog(store, settings.log(), log, metrics));
    this.clients = new WaitingClients(scheduler);
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
      server.app.start();
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

  /**
   * Loads the first model; requests are taken before that too, and wait.
   *
   * @param warmups requests to draw before others, which are neither kept nor counted
   */
  public void load(List<Values> warmups) throws Exception {
    ServedModel first = models.find(null);
    scheduler.between(
        () -> {
          models.load(first.name(), scheduler::busy);
          for (Values warmup : warmups) {
            new Warmup(first, warmup).run(models.runner(first.name(), scheduler::busy));
          }
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
    clients.close();
    if (!settings.kept()) {
      store.delete();
    }
  }

  private void configure(JavalinConfig config, int ranks) {
    config.startup.showJavalinBanner = false;
    config.startup.showOldJavalinVersionWarning = false;
    config.http.asyncTimeout = 0; // a video takes as long as it takes
    config.http.maxRequestSize = settings.limits().bodyBytes();
    config.http.prefer405over404 = true;
    config.jetty.threadPool = new QueuedThreadPool(MOST_THREADS, 8);
    config.jetty.addConnector((jetty, http) -> Intake.connector(jetty, http, settings));
    config.jetty.modifyServletContextHandler(
        c -> c.getServletHandler().setDecodeAmbiguousURIs(true));
    config.jetty.modifyServer(jetty -> Intake.addTo(jetty, settings.limits().bodyBytes()));
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
    new Gate(settings).addTo(config.routes);
    List<Route> routes = routes(ranks);
    routes.forEach(r -> config.routes.addHttpHandler(r.method(), r.path(), r.handler()));
    Map<String, Object> document = OpenApi.document(routes, Version.text());
    config.routes.get("/openapi.json", ctx -> Json.answer(ctx, document));
    Page.addTo(config.routes);
  }

  private List<Route> routes(int ranks) {
    Submission submission = new Submission(models, scheduler, settings);
    ServerSettings.Limits limits = settings.limits();
    PictureDownload download = settings.urls() ? new PictureDownload(limits.bodyBytes()) : null;
    Pictures pictures = new Pictures(settings.inputs(), limits.pixels(), download);
    ImageRoutes images = new ImageRoutes(submission, scheduler, clients, store, pictures, settings);
    VideoRoutes videos = new VideoRoutes(submission, scheduler, clients, store, pictures, settings);
    TaskRoutes tasks = new TaskRoutes(images, videos, scheduler, store);
    ModelRoutes served = new ModelRoutes(models, scheduler, ranks);
    ServiceRoutes service =
        new ServiceRoutes(settings, models, scheduler, store, metrics, () -> ready);
    VertexRoute vertex = new VertexRoute(submission, scheduler, clients, settings);
    String adapters = "Not available yet: 501.";
    return List.of(
        post("/v1/images/generations", "Draws pictures.", images::generations)
            .taking(ApiKeys.IMAGES),
        post("/v1/images/edits", "Changes pictures.", images::edits).taking(ApiKeys.IMAGES),
        post("/v1/images/variations", "Not available: 501.", images::variations),
        get("/v1/images/{id}/content", "The file of a picture (?variant=N).", images::content),
        post("/v1/videos", "Accepts a video as a job.", videos::create).taking(ApiKeys.VIDEOS),
        post("/v1/videos/sync", "Makes a video and answers with it.", videos::sync)
            .taking(ApiKeys.VIDEOS),
        get("/v1/videos", "Jobs (?after= &limit= &order=).", videos::list),
        get("/v1/videos/{id}", "A job.", videos::get),
        delete("/v1/videos/{id}", "Cancels and forgets a job.", videos::delete),
        post("/v1/videos/{id}/cancel", "Cancels a job at its next step.", videos::cancel),
        post("/v1/videos/{id}/remix", "The same video with another prompt.", videos::remix)
            .taking(ApiKeys.VIDEOS),
        get(
            "/v1/videos/{id}/content",
            "The video (?variant=video, thumbnail or spritesheet).",
            videos::content),
        post("/v1/tasks/image", "Accepts pictures as a task.", tasks::image).taking(ApiKeys.IMAGES),
        post("/v1/tasks/video", "Accepts a video as a task.", tasks::video).taking(ApiKeys.VIDEOS),
        get("/v1/tasks", "Tasks of both kinds, the latest first (?limit=).", tasks::list),
        get("/v1/tasks/{id}", "A task.", tasks::get),
        delete("/v1/tasks/{id}", "Cancels and forgets a task.", tasks::delete),
        post("/v1/tasks/{id}/cancel", "Cancels a task at its next step.", tasks::cancel),
        get("/v1/tasks/{id}/events", "Its progress as server-sent events.", tasks::events),
        get("/v1/models", "What is served.", served::list),
        get("/v1/models/<id>", "A model and the parameters that it takes.", served::get),
        post("/v1/load/<id>", "Loads a model ahead of its first request.", served::load),
        post("/v1/unload/<id>", "Frees a model's memory.", served::unload),
        get("/v1/model_info", "The first model.", served::first),
        get("/model_info", "The first model.", served::first),
        get("/models", "What is served.", served::list),
        post("/vertex_generate", "Pictures in Vertex AI's envelope.", vertex::generate),
        post("/v1/set_lora", adapters, service::adapters),
        post("/v1/merge_lora_weights", adapters, service::adapters),
        post("/v1/unmerge_lora_weights", adapters, service::adapters),
        get("/v1/list_loras", adapters, service::adapters),
        get("/liveness", "The process lives.", service::liveness),
        get("/health", "Requests are drawn; 503 before and after.", service::health),
        get("/health_generate", "As /health.", service::health),
        get("/server_info", "Settings of the server.", service::info),
        get("/stats", "Requests that wait and run.", service::stats),
        get("/metrics", "Figures for Prometheus.", service::metrics));
  }
}
