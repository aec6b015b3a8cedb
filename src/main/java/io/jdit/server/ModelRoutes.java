package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.config.Key;
import io.jdit.config.Values;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.ServedModels;
import io.jdit.media.OutputKind;
import io.jdit.pipeline.OutOfMemoryException;
import io.jdit.pipeline.RequestKeys;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;

/** What is served: {@code /v1/models}, and loading and unloading by name. */
final class ModelRoutes {
  private final ServedModels models;
  private final Scheduler scheduler;
  private final int ranks;
  private final long created = Instant.now().getEpochSecond();

  /**
   * @param ranks processes that hold a model between them
   */
  ModelRoutes(ServedModels models, Scheduler scheduler, int ranks) {
    this.models = models;
    this.scheduler = scheduler;
    this.ranks = ranks;
  }

  void list(Context ctx) {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("object", "list");
    map.put("data", models.all().stream().map(this::entry).toList());
    Json.answer(ctx, map);
  }

  /** One model, with the parameters that it takes. */
  void get(Context ctx) {
    ServedModel model = find(ctx);
    Map<String, Object> map = entry(model);
    map.put("parameters", parameters(model));
    Json.answer(ctx, map);
  }

  /** The first model, for clients that know of one only. */
  void first(Context ctx) {
    Map<String, Object> map = entry(models.find(null));
    map.put("model_path", models.find(null).path());
    Json.answer(ctx, map);
  }

  void load(Context ctx) throws Exception {
    ServedModel model = find(ctx);
    try {
      scheduler.between(
          () -> {
            models.load(model.name(), scheduler::busy);
            return null;
          });
    } catch (OutOfMemoryException e) {
      throw ApiException.unavailable(e.getMessage());
    }
    Json.answer(ctx, entry(model));
  }

  void unload(Context ctx) throws Exception {
    ServedModel model = find(ctx);
    scheduler.between(
        () -> {
          if (scheduler.busy(model.name())) {
            throw ApiException.badRequest(
                "model '" + model.name() + "' has requests that wait or run", "model");
          }
          models.unload(model.name());
          return null;
        });
    Json.answer(ctx, entry(model));
  }

  private ServedModel find(Context ctx) {
    try {
      return models.find(ctx.pathParam("id"));
    } catch (NoSuchElementException e) {
      throw ApiException.notFound(e.getMessage());
    }
  }

  private Map<String, Object> entry(ServedModel model) {
    boolean video = model.parameters().kind() == OutputKind.VIDEO;
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("id", model.name());
    map.put("object", "model");
    map.put("created", created);
    map.put("owned_by", "jdit");
    map.put("root", model.path());
    map.put("task_type", task(model, video));
    map.put("num_gpus", ranks);
    map.put("loaded", models.isLoaded(model.name()));
    map.put("about", models.about(model.name()));
    return map;
  }

  /** In the reference's words. */
  private static String task(ServedModel model, boolean video) {
    boolean picture = model.parameters().keys().contains(RequestKeys.IMAGE_PATH);
    return (picture ? "I2" : "T2") + (video ? "V" : "I");
  }

  /** Of every parameter: type, range, default and help, as the command line has them. */
  private static List<Object> parameters(ServedModel model) {
    Values defaults = model.parameters().outline(Values.none()).values();
    List<Object> list = new ArrayList<>();
    for (Key<?> key : model.parameters().keys()) {
      Map<String, Object> map = new LinkedHashMap<>();
      map.put("name", key.name());
      map.put("option", key.option());
      map.put("expected", key.type().expected());
      map.put("schema", key.type().schema());
      map.put("default", defaults.get(key));
      map.put("label", key.label());
      map.put("help", key.help());
      list.add(map);
    }
    return list;
  }
}
