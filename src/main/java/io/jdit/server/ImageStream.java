package io.jdit.server;

import io.javalin.http.Context;
import io.jdit.engine.serve.Task;
import io.jdit.engine.serve.TaskEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Pictures of a request as they come: coarse ones on the way, then the finished ones. */
final class ImageStream extends EventStream {
  private final String prefix;
  private final Path folder;
  private final Task task;

  /**
   * @param prefix image_generation or image_edit
   */
  ImageStream(String prefix, Path folder, ImageRoutes.Accepted accepted) {
    this.prefix = prefix;
    this.folder = folder;
    this.task = accepted.task();
  }

  void run(Context ctx, Runnable gone) {
    run(ctx, task, gone);
  }

  @Override
  void happened(TaskEvent event) throws IOException {
    if (event instanceof TaskEvent.Preview preview) {
      Map<String, Object> data =
          data(".partial_image", Base64.getEncoder().encodeToString(preview.png()), "png");
      data.put("partial_image_index", preview.index());
      send(prefix + ".partial_image", data);
    }
  }

  @Override
  void ended() throws IOException {
    try {
      ImageRoutes.requireCompleted(task);
    } catch (ApiException e) {
      Map<String, Object> data = new LinkedHashMap<>();
      data.put("type", "error");
      data.putAll(e.body());
      send("error", data);
      return;
    }
    List<String> files = task.finished().files();
    for (String file : files) {
      Map<String, Object> data =
          data(".completed", TaskView.base64(folder.resolve(file)), TaskView.format(task));
      data.put("usage", TaskView.usage(task.finished()));
      data.put("timings_ms", task.finished().stages());
      send(prefix + ".completed", data);
    }
  }

  private Map<String, Object> data(String kind, String base64, String format) {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("type", prefix + kind);
    data.put("b64_json", base64);
    data.put("created_at", Instant.now().getEpochSecond());
    data.put("size", task.order().request().width() + "x" + task.order().request().height());
    data.put("quality", "auto");
    data.put("background", "opaque");
    data.put("output_format", format);
    return data;
  }
}
