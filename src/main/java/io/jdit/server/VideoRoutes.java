package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.Task;
import io.jdit.engine.serve.TaskState;
import io.jdit.engine.serve.TaskStore;
import io.jdit.media.OutputKind;
import io.jdit.pipeline.RequestKeys;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Videos as jobs: {@code /v1/videos}. */
final class VideoRoutes {
  private static final String EXTENSION = "mp4";
  private static final int USUAL_PAGE = 20;
  private static final int LARGEST_PAGE = 100;

  private final Submission submission;
  private final Scheduler scheduler;
  private final WaitingClients clients;
  private final TaskStore store;
  private final Pictures pictures;
  private final ServerSettings settings;

  VideoRoutes(
      Submission submission,
      Scheduler scheduler,
      WaitingClients clients,
      TaskStore store,
      Pictures pictures,
      ServerSettings settings) {
    this.submission = submission;
    this.scheduler = scheduler;
    this.clients = clients;
    this.store = store;
    this.pictures = pictures;
    this.settings = settings;
  }

  /** Accepts a job and answers at once. */
  void create(Context ctx) {
    Json.answer(ctx, view(accept(ctx)));
  }

  /** Answers when it is done: with the video, or the job where JSON is asked for. */
  void sync(Context ctx) {
    Task task = accept(ctx);
    boolean json = Optional.ofNullable(ctx.header("Accept")).orElse("").contains("json");
    clients.answer(
        ctx,
        List.of(task),
        () -> {
          ImageRoutes.requireCompleted(task);
          ctx.header("X-Request-Id", task.id());
          if (json) {
            Json.answer(ctx, view(task));
          } else {
            ResultFiles.send(ctx, file(task, task.finished().files().get(0)));
          }
        });
  }

  /** Errors of a JSON body are 400 here, as the reference has them. */
  Task accept(Context ctx) {
    String id = Submission.id(OutputKind.VIDEO);
    try {
      Incoming incoming = Incoming.of(ctx);
      Fields fields = incoming.fields(ApiKeys.VIDEOS);
      ServedModel model = submission.model(fields, OutputKind.VIDEO);
      List<Path> given = incoming.pictures(pictures, id);
      try {
        return submission.submit(id, model, fields, given, EXTENSION, 0, null);
      } catch (RuntimeException e) {
        Pictures.delete(given);
        throw e;
      }
    } catch (ApiException e) {
      throw e.status() == 422 ? e.withStatus(400) : e;
    }
  }

  /** The same video with another prompt. */
  void remix(Context ctx) {
    Task origin = find(ctx);
    Fields fields = Incoming.of(ctx).fields(ApiKeys.VIDEOS);
    String prompt = fields.request().get(RequestKeys.PROMPT);
    if (prompt == null) {
      throw ApiException.badRequest("prompt: what is to be different", "prompt");
    }
    if (origin.order().given().get(RequestKeys.IMAGE_PATH) != null) {
      throw ApiException.badRequest(
          "a video that began with a picture cannot be remixed: send both again", null);
    }
    Fields both =
        new Fields(
            fields.api().with(ApiKeys.MODEL, origin.order().model()),
            fields.request().over(origin.order().given()),
            fields.without());
    ServedModel model = submission.model(both, OutputKind.VIDEO);
    Json.answer(
        ctx,
        view(
            submission.submit(
                Submission.id(OutputKind.VIDEO),
                model,
                both,
                List.of(),
                EXTENSION,
                0,
                origin.id())));
  }

  void list(Context ctx) {
    int limit = limit(ctx.queryParam("limit"));
    String order = Optional.ofNullable(ctx.queryParam("order")).orElse("desc");
    if (!order.equals("asc") && !order.equals("desc")) {
      throw ApiException.badRequest("order: expected asc or desc, found '" + order + "'", "order");
    }
    List<Task> videos =
        new ArrayList<>(
            store.all().stream().filter(t -> t.order().kind().equals("video")).toList());
    if (order.equals("asc")) {
      Collections.reverse(videos);
    }
    String after = ctx.queryParam("after");
    int from = 0;
    if (after != null) {
      from = videos.stream().map(Task::id).toList().indexOf(after) + 1;
      if (from == 0) {
        throw ApiException.notFound("no video has the id '" + after + "'");
      }
    }
    List<Task> page = videos.stream().skip(from).limit(limit).toList();
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("object", "list");
    map.put("data", page.stream().map(this::view).toList());
    map.put("first_id", page.isEmpty() ? null : page.get(0).id());
    map.put("last_id", page.isEmpty() ? null : page.get(page.size() - 1).id());
    map.put("has_more", from + page.size() < videos.size());
    Json.answer(ctx, map);
  }

  private static int limit(String text) {
    if (text == null) {
      return USUAL_PAGE;
    }
    if (!text.matches("\\d{1,4}")
        || Integer.parseInt(text) < 1
        || Integer.parseInt(text) > LARGEST_PAGE) {
      throw ApiException.badRequest(
          "limit: expected 1 to " + LARGEST_PAGE + ", found '" + text + "'", "limit");
    }
    return Integer.parseInt(text);
  }

  void get(Context ctx) {
    Json.answer(ctx, view(find(ctx)));
  }

  void cancel(Context ctx) {
    Task task = find(ctx);
    scheduler.cancel(task);
    Json.answer(ctx, view(task));
  }

  /** Cancels and forgets. */
  void delete(Context ctx) {
    Task task = find(ctx);
    scheduler.cancel(task);
    task.whenEnded().thenRun(() -> store.forget(task));
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("id", task.id());
    map.put("object", "video.deleted");
    map.put("deleted", true);
    map.put("status", "deleted");
    Json.answer(ctx, map);
  }

  /** The video, or a small picture of it. */
  void content(Context ctx) {
    Task task = find(ctx);
    if (task.finished() == null) {
      throw ApiException.notFound("video " + task.id() + " is " + task.state().text());
    }
    String variant = Optional.ofNullable(ctx.queryParam("variant")).orElse("video");
    String name =
        switch (variant) {
          case "video" -> task.finished().files().get(0);
          case "thumbnail", "spritesheet" ->
              task.finished().views().stream()
                  .filter(v -> v.contains("." + variant + "."))
                  .findFirst()
                  .orElseThrow(
                      () -> ApiException.notFound("video " + task.id() + " has no " + variant));
          default -> {
            List<String> files = task.finished().files();
            if (variant.matches("\\d{1,3}") && Integer.parseInt(variant) < files.size()) {
              yield files.get(Integer.parseInt(variant));
            }
            throw ApiException.badRequest(
                "variant: expected video, thumbnail, spritesheet or 0 to "
                    + (files.size() - 1)
                    + ", found '"
                    + variant
                    + "'",
                "variant");
          }
        };
    ResultFiles.send(ctx, file(task, name));
  }

  private Path file(Task task, String name) {
    return settings.folder().resolve(name);
  }

  private Task find(Context ctx) {
    String id = ctx.pathParam("id");
    return store
        .find(id)
        .filter(t -> t.order().kind().equals("video"))
        .orElseThrow(() -> ApiException.notFound("no video has the id '" + id + "'"));
  }

  private Map<String, Object> view(Task task) {
    return TaskView.video(
        task,
        settings.folder(),
        settings.kept(),
        task.state() == TaskState.COMPLETED ? store.expires(task) : null);
  }
}
