package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.engine.serve.Scheduler;
import io.jdit.engine.serve.Task;
import io.jdit.media.OutputKind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * {@code /vertex_generate}: several requests for pictures in one, in Vertex AI's envelope of
 * instances and parameters that they share.
 */
final class VertexRoute {
  private static final int MOST = 16;

  private final Submission submission;
  private final Scheduler scheduler;
  private final WaitingClients clients;
  private final ServerSettings settings;

  VertexRoute(
      Submission submission, Scheduler scheduler, WaitingClients clients, ServerSettings settings) {
    this.submission = submission;
    this.scheduler = scheduler;
    this.clients = clients;
    this.settings = settings;
  }

  void generate(Context ctx) {
    JsonNode body = Json.body(ctx);
    JsonNode instances = body.get("instances");
    if (instances == null
        || !instances.isArray()
        || instances.isEmpty()
        || instances.size() > MOST) {
      throw ApiException.invalid("instances: expected a list of 1 to " + MOST, "instances");
    }
    JsonNode shared = body.get("parameters");
    if (shared != null && !shared.isNull() && !shared.isObject()) {
      throw ApiException.invalid("parameters: expected an object", "parameters");
    }
    List<Fields> all = new ArrayList<>();
    for (JsonNode instance : instances) {
      if (!instance.isObject()) {
        throw ApiException.invalid("instances: expected objects", "instances");
      }
      ObjectNode merged = Json.MAPPER.createObjectNode();
      if (shared != null && shared.isObject()) {
        merged.setAll((ObjectNode) shared);
      }
      merged.setAll((ObjectNode) instance);
      all.add(Fields.of(merged, ApiKeys.IMAGES));
    }
    List<Task> tasks = new ArrayList<>();
    try {
      for (Fields fields : all) {
        tasks.add(
            submission.submit(
                Submission.id(OutputKind.PICTURE),
                submission.model(fields, OutputKind.PICTURE),
                fields,
                List.of(),
                "png",
                0,
                null));
      }
    } catch (ApiException e) { // all or none
      tasks.forEach(scheduler::cancel);
      throw e;
    }
    clients.answer(ctx, tasks, () -> answer(ctx, tasks));
  }

  private void answer(Context ctx, List<Task> tasks) {
    List<Object> predictions = new ArrayList<>();
    try {
      for (Task task : tasks) {
        ImageRoutes.requireCompleted(task);
        for (String file : task.finished().files()) {
          Map<String, Object> prediction = new LinkedHashMap<>();
          prediction.put("mimeType", "image/png");
          prediction.put("bytesBase64Encoded", TaskView.base64(settings.folder().resolve(file)));
          predictions.add(prediction);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Json.answer(ctx, Map.of("predictions", predictions));
  }
}
