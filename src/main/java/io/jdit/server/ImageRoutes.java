package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.Task;
import io.jdit.engine.serve.TaskState;
import io.jdit.engine.serve.TaskStore;
import io.jdit.media.OutputKind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Pictures: {@code /v1/images/generations}, {@code /edits}, {@code /variations}, their files. */
final class ImageRoutes {
  private final Submission submission;
  private final Scheduler scheduler;
  private final WaitingClients clients;
  private final TaskStore store;
  private final Pictures pictures;
  private final ServerSettings settings;

  ImageRoutes(
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

  /** A request for pictures that was accepted. */
  record Accepted(Task task, Fields fields, ApiKeys.ResponseFormat format, List<String> notes) {}

  /** From a prompt, and pictures where the model takes them. */
  void generations(Context ctx) {
    answer(ctx, accept(ctx, ApiKeys.ResponseFormat.URL, false), "image_generation");
  }

  /** From a prompt and one or more pictures. */
  void edits(Context ctx) {
    answer(ctx, accept(ctx, ApiKeys.ResponseFormat.B64_JSON, true), "image_edit");
  }

  /** Of a picture without a prompt: no model here does that. */
  void variations(Context ctx) {
    throw ApiException.notBuilt(
        "variations need a model that takes a picture without a prompt: use /v1/images/edits with a"
            + " prompt");
  }

  /** Reads a request in JSON or as a form and puts it into the queue. */
  Accepted accept(Context ctx, ApiKeys.ResponseFormat usual, boolean needsPicture) {
    String id = Submission.id(OutputKind.PICTURE);
    Incoming incoming = Incoming.of(ctx);
    Fields fields = incoming.fields(ApiKeys.IMAGES);
    ServedModel model = submission.model(fields, OutputKind.PICTURE);
    ApiKeys.ResponseFormat format = fields.get(ApiKeys.RESPONSE_FORMAT);
    if (format == null) {
      format = usual;
    }
    if (format == ApiKeys.ResponseFormat.URL && !settings.kept()) {
      if (fields.get(ApiKeys.RESPONSE_FORMAT) != null || !needsPicture) {
        throw ApiException.badRequest(
            "response_format url: this server keeps no files: ask for b64_json", "response_format");
      }
    }
    boolean transparent = fields.get(ApiKeys.BACKGROUND) == ApiKeys.Background.TRANSPARENT;
    List<String> notes = new ArrayList<>();
    fields.without().forEach(f -> notes.add(f + " has no effect"));
    if (transparent) {
      notes.add("the picture is opaque: no model here draws transparency");
    }
    List<Path> given = incoming.pictures(pictures, id);
    try {
      if (needsPicture && given.isEmpty()) {
        throw ApiException.invalid("image: a picture is required, as a file or url", "image");
      }
      ApiKeys.OutputFormat output = fields.get(ApiKeys.OUTPUT_FORMAT);
      String extension = output != null ? output.extension() : transparent ? "png" : "jpg";
      int previews = fields.get(ApiKeys.PARTIAL_IMAGES);
      Task task = submission.submit(id, model, fields, given, extension, previews, null);
      return new Accepted(task, fields, format, notes);
    } catch (RuntimeException e) {
      Pictures.delete(given);
      throw e;
    }
  }

  private void answer(Context ctx, Accepted accepted, String event) {
    Task task = accepted.task();
    if (accepted.fields().get(ApiKeys.STREAM)) {
      try {
        new ImageStream(event, settings.folder(), accepted).run(ctx, () -> scheduler.cancel(task));
      } finally {
        forgetUnlessKept(task);
      }
      return;
    }
    clients.answer(ctx, List.of(task), () -> answerEnded(ctx, accepted));
  }

  private void answerEnded(Context ctx, Accepted accepted) {
    Task task = accepted.task();
    requireCompleted(task);
    try {
      Json.answer(
          ctx,
          TaskView.images(
              task, accepted.format(), settings.folder(), settings.kept(), accepted.notes()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      forgetUnlessKept(task);
    }
  }

  private void forgetUnlessKept(Task task) {
    if (!settings.kept()) {
      task.whenEnded().thenAccept(store::forget);
    }
  }

  /**
   * @throws ApiException saying how the task ended
   */
  static void requireCompleted(Task task) {
    if (task.state() == TaskState.FAILED) {
      throw task.ownFault()
          ? ApiException.badRequest(task.error(), null)
          : ApiException.failed(task.error());
    }
    if (task.state() == TaskState.CANCELLED) {
      throw ApiException.badRequest("the request was cancelled", null);
    }
  }

  /** The file of one output. */
  void content(Context ctx) {
    Task task = find(ctx.pathParam("id"));
    String variant = Optional.ofNullable(ctx.queryParam("variant")).orElse("0");
    int index = variant.matches("\\d{1,3}") ? Integer.parseInt(variant) : -1;
    List<String> files = task.finished() == null ? List.of() : task.finished().files();
    if (index < 0 || index >= files.size()) {
      throw ApiException.notFound(
          task.finished() == null
              ? "image " + task.id() + " is " + task.state().text()
              : "image " + task.id() + " has variants 0 to " + (files.size() - 1));
    }
    ResultFiles.send(ctx, settings.folder().resolve(files.get(index)));
  }

  private Task find(String id) {
    return store
        .find(id)
        .filter(t -> t.order().kind().equals("image"))
        .orElseThrow(() -> ApiException.notFound("no image has the id '" + id + "'"));
  }
}
