package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.Task;
import io.jdit.engine.serve.TaskEvent;
import io.jdit.engine.serve.TaskStore;
import java.io.IOException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Requests of any kind as tasks, JDiT's own routes below {@code /v1/tasks}: pictures that are drawn
 * in the background, their progress as events, cancelling, the gallery.
 */
final class TaskRoutes {
  private static final int USUAL_PAGE = 50;

  private final ImageRoutes images;
  private final VideoRoutes videos;
  private final Scheduler scheduler;
  private final TaskStore store;

  TaskRoutes(ImageRoutes images, VideoRoutes videos, Scheduler scheduler, TaskStore store) {
    this.images = images;
    this.videos = videos;
    this.scheduler = scheduler;
    this.store = store;
  }

  /** As {@code /v1/images/generations}, answered when it is accepted. */
  void image(Context ctx) {
    Task task = images.accept(ctx, ApiKeys.ResponseFormat.URL, false).task();
    ctx.status(202);
    Json.answer(ctx, TaskView.any(task));
  }

  /** As {@code /v1/videos}, in this form. */
  void video(Context ctx) {
    Task task = videos.accept(ctx);
    ctx.status(202);
    Json.answer(ctx, TaskView.any(task));
  }

  /** The latest first. */
  void list(Context ctx) {
    String limit = Optional.ofNullable(ctx.queryParam("limit")).orElse("" + USUAL_PAGE);
    if (!limit.matches("[1-9]\\d{0,2}")) {
      throw ApiException.badRequest("limit: expected 1 to 999, found '" + limit + "'", "limit");
    }
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("object", "list");
    map.put(
        "data", store.all().stream().limit(Integer.parseInt(limit)).map(TaskView::any).toList());
    Json.answer(ctx, map);
  }

  void get(Context ctx) {
    Json.answer(ctx, TaskView.any(find(ctx)));
  }

  void cancel(Context ctx) {
    Task task = find(ctx);
    scheduler.cancel(task);
    Json.answer(ctx, TaskView.any(task));
  }

  void delete(Context ctx) {
    Task task = find(ctx);
    scheduler.cancel(task);
    task.whenEnded().thenRun(() -> store.forget(task));
    Json.answer(ctx, Map.of("id", task.id(), "deleted", true));
  }

  /** Where it is now, and then every change: {@code progress}, {@code preview}, {@code end}. */
  void events(Context ctx) {
    Task task = find(ctx);
    new EventStream() {
      @Override
      void happened(TaskEvent event) throws IOException {
        if (event instanceof TaskEvent.Preview preview) {
          send(
              "preview",
              Map.of(
                  "index",
                  preview.index(),
                  "b64_json",
                  Base64.getEncoder().encodeToString(preview.png())));
        } else {
          send("progress", TaskView.any(task));
        }
      }

      @Override
      void ended() throws IOException {
        send("end", TaskView.any(task));
      }
    }.run(ctx, task, () -> {});
  }

  private Task find(Context ctx) {
    String id = ctx.pathParam("id");
    return store
        .find(id)
        .orElseThrow(() -> ApiException.notFound("no task has the id '" + id + "'"));
  }
}
