package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.engine.serve.Batching;
import io.jdit.engine.serve.TaskStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Requests and results outlive the process, within limits. */
class RestartTest {
  private static final String DRAW =
      "{\"prompt\": \"a small green square\", \"num_inference_steps\": %d}";

  @TempDir private Path folder;

  @Test
  void anotherProcessKnowsWhatTheFirstDid() throws Exception {
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    String done;
    String open;
    byte[] picture;
    try (TestServer server =
        new TestServer(TestServer.settings(first), ServedModelsForTests.shapes())) {
      done = submit(server, 2);
      server.await(done);
      picture = server.get("/v1/images/" + done + "/content").body();
      open = submit(server, 2000);
      copy(first, second); // as it is on disk when the process is killed now
    }
    Files.writeString(second.resolve("jobs/broken.json"), "{\"id\": ");
    try (TestServer server =
        new TestServer(TestServer.settings(second), ServedModelsForTests.shapes())) {
      assertThat(server.get("/v1/images/" + done + "/content").body()).isEqualTo(picture);
      JsonNode task = TestServer.json(server.get("/v1/tasks/" + open));
      assertThat(task.get("status").stringValue()).isEqualTo("failed");
      assertThat(task.get("error").get("message").stringValue())
          .isEqualTo("the server stopped before this request was done");
      assertThat(server.log)
          .contains("1 requests of an earlier process were not done: they have failed");
      assertThat(second.resolve("jobs/broken.json")).exists();
    }
  }

  @Test
  void theOldestGoBeyondTheLimits() throws Exception {
    ServerSettings usual = TestServer.settings(folder);
    ServerSettings few =
        new ServerSettings(
            usual.host(),
            0,
            folder,
            folder,
            true,
            new TaskStore.Limits(Duration.ofHours(1), 1L << 30, 2),
            new Batching(Batching.Mode.CONTINUOUS, 4, 0),
            64,
            usual.limits(),
            List.of(),
            List.of(),
            false,
            RequestLog.TEXT);
    String oldest = null;
    try (TestServer server = new TestServer(usual, ServedModelsForTests.shapes())) {
      for (int i = 0; i < 4; i++) {
        String id = submit(server, 1);
        server.await(id);
        oldest = oldest == null ? id : oldest;
      }
    }
    try (TestServer server = new TestServer(few, ServedModelsForTests.shapes())) {
      assertThat(TestServer.json(server.get("/v1/tasks")).get("data").size()).isEqualTo(2);
      assertThat(server.get("/v1/tasks/" + oldest).statusCode()).isEqualTo(404);
    }
    try (Stream<Path> files = Files.walk(folder)) {
      assertThat(files.filter(Files::isRegularFile)).hasSize(4); // two pictures, two records
    }
  }

  @Test
  void aServerThatKeepsNothingLeavesNothing() throws Exception {
    ServerSettings usual = TestServer.settings(folder.resolve("gone"));
    ServerSettings settings =
        new ServerSettings(
            usual.host(),
            0,
            usual.folder(),
            usual.inputs(),
            false,
            usual.keeps(),
            usual.batching(),
            64,
            usual.limits(),
            List.of(),
            List.of(),
            false,
            usual.log());
    String draw = "{\"prompt\": \"a small green square\", \"num_inference_steps\": 1, %s}";
    try (TestServer server = new TestServer(settings, ServedModelsForTests.shapes())) {
      String route = "/v1/images/generations";
      assertThat(server.post(route, draw.formatted("\"seed\": 1")).statusCode()).isEqualTo(400);
      String inline = draw.formatted("\"response_format\": \"b64_json\"");
      JsonNode image = TestServer.json(server.post(route, inline));
      assertThat(image.get("data").get(0).get("b64_json").stringValue()).isNotEmpty();
      assertThat(server.get("/v1/tasks/" + image.get("id").stringValue()).statusCode())
          .isEqualTo(404);
      String stream =
          TestServer.text(server.post(route, inline.replace("}", ", \"stream\": true}")));
      assertThat(stream).contains("event: image_generation.completed");
      // A stream's last event comes before its files go.
      for (int i = 0; i < 100 && !files(settings.folder()).isEmpty(); i++) {
        Thread.sleep(50);
      }
      assertThat(files(settings.folder())).isEmpty();
    }
    assertThat(settings.folder()).doesNotExist();
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      return files.filter(Files::isRegularFile).toList();
    } catch (UncheckedIOException e) {
      return List.of(folder); // one of them went meanwhile
    }
  }

  private static String submit(TestServer server, int steps) throws Exception {
    return TestServer.json(server.post("/v1/tasks/image", DRAW.formatted(steps)))
        .get("id")
        .stringValue();
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (Path file : files.toList()) {
        Path target = to.resolve(from.relativize(file));
        if (Files.isDirectory(file)) {
          Files.createDirectories(target);
        } else {
          Files.copy(file, target);
        }
      }
    }
  }
}
