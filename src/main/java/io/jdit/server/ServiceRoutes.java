package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.engine.Version;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.ServedModels;
import io.jdit.engine.serve.TaskStore;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.BooleanSupplier;

/** How the service is: health, settings, figures. */
final class ServiceRoutes {
  private final ServerSettings settings;
  private final ServedModels models;
  private final Scheduler scheduler;
  private final TaskStore store;
  private final ServerMetrics metrics;
  private final BooleanSupplier ready;

  ServiceRoutes(
      ServerSettings settings,
      ServedModels models,
      Scheduler scheduler,
      TaskStore store,
      ServerMetrics metrics,
      BooleanSupplier ready) {
    this.settings = settings;
    this.models = models;
    this.scheduler = scheduler;
    this.store = store;
    this.metrics = metrics;
    this.ready = ready;
  }

  /** The process lives. */
  void liveness(Context ctx) {
    Json.answer(ctx, Map.of("status", "ok"));
  }

  /** Requests are drawn. */
  void health(Context ctx) {
    if (!ready.getAsBoolean()) {
      throw ApiException.unavailable("the model is being loaded, or the server is shutting down");
    }
    Json.answer(ctx, Map.of("status", "ok"));
  }

  void info(Context ctx) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("version", Version.text());
    map.put("models", models.all().stream().map(ServedModel::name).toList());
    map.put("batching_mode", settings.batching().mode().text());
    map.put("batching_max_size", settings.batching().most());
    map.put("max_queue", settings.queue());
    map.put("max_body_bytes", settings.limits().bodyBytes());
    map.put("max_pixels", settings.limits().pixels());
    map.put("max_frames", settings.limits().frames());
    map.put("max_steps", settings.limits().steps());
    map.put("keeps_files", settings.kept());
    map.put("takes_urls", settings.urls());
    Json.answer(ctx, map);
  }

  void stats(Context ctx) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("waiting", scheduler.waiting());
    map.put("running", scheduler.running());
    map.put("kept", store.all().size());
    map.put("retry_after_s", scheduler.retrySeconds());
    Json.answer(ctx, map);
  }

  void metrics(Context ctx) {
    ctx.contentType(ServerMetrics.contentType()).result(metrics.text());
  }

  /** Changing adapters while serving. */
  void adapters(Context ctx) {
    throw ApiException.notBuilt("adapters (LoRA) are not available yet: serve a merged checkpoint");
  }
}
