package io.jdit.server;

import io.jdit.engine.serve.Finished;
import io.jdit.engine.serve.Task;
import io.jdit.engine.serve.TaskState;
import io.jdit.pipeline.RequestKeys;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** How tasks look in answers. */
final class TaskView {
  private TaskView() {}

  /** The pictures of one request, as OpenAI answers. */
  static Map<String, Object> images(
      Task task, ApiKeys.ResponseFormat format, Path folder, boolean kept, List<String> notes)
      throws IOException {
    Finished finished = task.finished();
    List<Object> data = new ArrayList<>();
    for (int i = 0; i < finished.files().size(); i++) {
      Path file = folder.resolve(finished.files().get(i));
      Map<String, Object> entry = new LinkedHashMap<>();
      if (format == ApiKeys.ResponseFormat.B64_JSON) {
        entry.put("b64_json", base64(file));
      } else {
        entry.put("url", content(task, i));
      }
      entry.put("revised_prompt", null);
      if (kept) {
        entry.put("file_path", file.toString());
      }
      data.add(entry);
    }
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("id", task.id());
    map.put("created", task.created().getEpochSecond());
    map.put("model", task.order().model());
    map.put("data", data);
    map.put("size", size(task));
    map.put("output_format", format(task));
    map.put("background", "opaque");
    map.put("quality", "auto");
    map.put("usage", usage(finished));
    measured(map, task);
    List<String> all = new ArrayList<>(notes);
    all.addAll(finished.notes());
    map.put("notes", all);
    return map;
  }

  static String base64(Path file) throws IOException {
    return Base64.getEncoder().encodeToString(Files.readAllBytes(file));
  }

  /** Where a result can be fetched, below this server's address. */
  static String content(Task task, int variant) {
    String route = task.order().kind().equals("video") ? "videos" : "images";
    boolean several = task.finished() != null && task.finished().files().size() > 1;
    return "/v1/"
        + route
        + "/"
        + task.id()
        + "/content"
        + (several && route.equals("images") ? "?variant=" + variant : "");
  }

  /** OpenAI's counts: positions of the prompt and of the latents. */
  static Map<String, Object> usage(Finished finished) {
    Map<String, Object> usage = new LinkedHashMap<>();
    usage.put("input_tokens", finished.textTokens());
    usage.put(
        "input_tokens_details", Map.of("text_tokens", finished.textTokens(), "image_tokens", 0));
    usage.put("output_tokens", finished.outputTokens());
    usage.put("total_tokens", finished.textTokens() + finished.outputTokens());
    usage.put("prompt_tokens", finished.textTokens());
    usage.put("completion_tokens", finished.outputTokens());
    usage.put("image_count", finished.files().size());
    return usage;
  }

  /** A video job, as OpenAI and SGLang answer. */
  static Map<String, Object> video(Task task, Path folder, boolean kept, Instant expires) {
    Finished finished = task.finished();
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("id", task.id());
    map.put("object", "video");
    map.put("model", task.order().model());
    map.put("status", task.state().text());
    map.put("progress", task.progress());
    map.put("stage", task.stage());
    map.put("created_at", task.created().getEpochSecond());
    map.put("completed_at", seconds(task.ended()));
    map.put("expires_at", seconds(expires));
    map.put("prompt", task.order().request().prompt());
    map.put("size", size(task));
    map.put("seconds", secondsOf(task));
    map.put("quality", "standard");
    map.put("remixed_from_video_id", task.order().origin());
    map.put("error", error(task));
    map.put("url", finished == null ? null : content(task, 0));
    map.put("num_outputs", task.order().request().outputs());
    if (kept && finished != null) {
      List<String> paths =
          finished.files().stream().map(f -> folder.resolve(f).toString()).toList();
      map.put("file_path", paths.get(0));
      map.put("file_paths", paths);
    }
    measured(map, task);
    map.put("notes", finished == null ? List.of() : finished.notes());
    return map;
  }

  /** JDiT's own view of any task, for the page. */
  static Map<String, Object> any(Task task) {
    Finished finished = task.finished();
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("id", task.id());
    map.put("kind", task.order().kind());
    map.put("model", task.order().model());
    map.put("status", task.state().text());
    map.put("stage", task.stage());
    map.put("progress", task.progress());
    map.put("step", task.place() == null ? 0 : task.place().done());
    map.put("steps", task.place() == null ? null : task.place().steps());
    map.put("created_at_ms", task.created().toEpochMilli()); // tasks of one second have an order
    map.put("created_at", task.created().getEpochSecond());
    map.put("completed_at", seconds(task.ended()));
    map.put("prompt", task.order().request().prompt());
    map.put("request", requestOf(task));
    map.put("error", error(task));
    if (finished != null) {
      List<String> urls = new ArrayList<>();
      for (int i = 0; i < finished.files().size(); i++) {
        urls.add("/v1/" + task.order().kind() + "s/" + task.id() + "/content?variant=" + i);
      }
      map.put("urls", urls);
      map.put("settings", finished.settings());
      map.put("cache", finished.cache());
      map.put("notes", finished.notes());
    }
    measured(map, task);
    return map;
  }

  /** As it is run, without pictures; seeds as text, since they may be larger than a page counts. */
  private static Map<String, Object> requestOf(Task task) {
    Map<String, Object> request =
        task.order().request().values().without(RequestKeys.IMAGE_PATH).byName();
    request.replaceAll((name, value) -> value instanceof BigInteger ? value.toString() : value);
    List<BigInteger> seeds = task.order().seeds();
    if (!seeds.isEmpty()) {
      request.put(RequestKeys.SEED.name(), seeds.stream().map(BigInteger::toString).toList());
    }
    return request;
  }

  private static void measured(Map<String, Object> map, Task task) {
    Finished finished = task.finished();
    Duration waited =
        task.started() == null ? null : Duration.between(task.created(), task.started());
    map.put("queue_time_s", waited == null ? null : waited.toMillis() / 1e3);
    if (finished == null) {
      map.put("inference_time_s", null);
      map.put("peak_memory_mb", null);
      return;
    }
    map.put("inference_time_s", Duration.between(task.started(), task.ended()).toMillis() / 1e3);
    map.put("peak_memory_mb", Math.round(finished.peakBytes() / 1e5) / 10.0);
    map.put("timings_ms", finished.stages());
    map.put("steps_ms", finished.steps());
    map.put("cached_steps", finished.cache().isEmpty() ? null : finished.cache().get("contexts"));
  }

  private static Map<String, Object> error(Task task) {
    return task.state() == TaskState.FAILED
        ? Map.of(
            "message",
            task.error() == null ? "failed" : task.error(),
            "code",
            task.ownFault() ? "invalid_value" : "generation_failed")
        : null;
  }

  private static Long seconds(Instant time) {
    return time == null ? null : time.getEpochSecond();
  }

  private static String size(Task task) {
    return task.order().request().width() + "x" + task.order().request().height();
  }

  static String format(Task task) {
    String extension = task.order().target().extension();
    return extension.equals("jpg") ? "jpeg" : extension;
  }

  /** Text, as OpenAI has it. */
  private static String secondsOf(Task task) {
    Integer frames = task.order().request().get(RequestKeys.NUM_FRAMES);
    Integer fps = task.order().request().get(RequestKeys.FPS);
    if (frames == null || fps == null) {
      return null;
    }
    double s = (double) frames / fps;
    return s == Math.rint(s)
        ? Long.toString((long) s)
        : Double.toString(Math.round(s * 100) / 100.0);
  }
}
