package io.jdit.server;

import io.jdit.engine.FailureText;
import io.jdit.engine.serve.Batching;
import io.jdit.engine.serve.ServedModel;
import io.jdit.engine.serve.TaskStore;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A server on a free port, and a client of it. */
final class TestServer implements AutoCloseable {
  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  final List<String> log = Collections.synchronizedList(new ArrayList<>());
  private final Server server;
  private final List<String> keys;

  TestServer(ServerSettings settings, ServedModel... models) throws Exception {
    server = Server.start(settings, List.of(models), 1, FailureText::of, log::add);
    keys = settings.keys();
    server.load(List.of());
  }

  static ServerSettings settings(Path folder) {
    return settings(folder, 64, List.of());
  }

  static ServerSettings settings(Path folder, int queue, List<String> keys) {
    return settings(folder, new Batching(Batching.Mode.CONTINUOUS, 4, 0), queue, keys);
  }

  static ServerSettings settings(Path folder, Batching batching, int queue, List<String> keys) {
    return new ServerSettings(
        "127.0.0.1",
        0,
        folder,
        folder,
        true,
        new TaskStore.Limits(Duration.ofHours(1), 1L << 30, 1000),
        batching,
        queue,
        new ServerSettings.Limits(4 << 20, 1 << 20, 100, 2000, Duration.ofSeconds(30)),
        keys,
        List.of(),
        false,
        RequestLog.TEXT);
  }

  String url() {
    return "http://127.0.0.1:" + server.port();
  }

  Server server() {
    return server;
  }

  HttpResponse<byte[]> get(String path) throws Exception {
    return send(HttpRequest.newBuilder(URI.create(url() + path)));
  }

  HttpResponse<byte[]> delete(String path) throws Exception {
    return send(HttpRequest.newBuilder(URI.create(url() + path)).DELETE());
  }

  HttpResponse<byte[]> post(String path, String json) throws Exception {
    return send(request(path, json));
  }

  HttpRequest.Builder request(String path, String json) {
    return HttpRequest.newBuilder(URI.create(url() + path))
        .header("Content-Type", "application/json")
        .POST(HttpRequest.BodyPublishers.ofString(json));
  }

  HttpResponse<byte[]> send(HttpRequest.Builder request) throws Exception {
    if (!keys.isEmpty()) {
      request.header("Authorization", "Bearer " + keys.get(0));
    }
    return CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  static JsonNode json(HttpResponse<byte[]> response) throws IOException {
    return JsonMapper.shared().readTree(response.body());
  }

  static String text(HttpResponse<byte[]> response) {
    return new String(response.body(), StandardCharsets.UTF_8);
  }

  /** Waits until a task is over. */
  JsonNode await(String id) throws Exception {
    for (int i = 0; i < 1200; i++) {
      JsonNode task = json(get("/v1/tasks/" + id));
      if (List.of("completed", "failed", "cancelled").contains(task.get("status").stringValue())) {
        return task;
      }
      Thread.sleep(50);
    }
    throw new AssertionError(id + " does not end");
  }

  @Override
  public void close() {
    server.close();
  }
}
