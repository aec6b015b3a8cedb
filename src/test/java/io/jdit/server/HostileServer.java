package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.engine.serve.Batching;
import io.jdit.engine.serve.TaskStore;
import io.jdit.transformer.Acceleration;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * A server that requests are sent to which no honest client sends: whatever it was, the server goes
 * on as before.
 */
@TestInstance(Lifecycle.PER_CLASS)
abstract class HostileServer {
  static final String DRAW = "/v1/images/generations";

  static final int BODY = 2 << 20;

  static final int PIXELS = 1 << 20;

  static final Duration IDLE = Duration.ofSeconds(1);

  @TempDir static Path folder;

  TestServer server;

  @BeforeAll
  void start() throws Exception {
    ServerSettings settings =
        new ServerSettings(
            "127.0.0.1",
            0,
            folder.resolve("out"),
            folder.resolve("in"),
            true,
            new TaskStore.Limits(Duration.ofHours(1), 1L << 30, 1000),
            new Batching(Batching.Mode.CONTINUOUS, 4, 0),
            64,
            new ServerSettings.Limits(BODY, PIXELS, 100, 2000, IDLE),
            List.of(),
            List.of(),
            true,
            RequestLog.TEXT);
    server =
        new TestServer(
            settings,
            ServedModelsForTests.of(
                "org/shapes", ServedModelsForTests.SHAPES, Acceleration.none()));
    Files.writeString(folder.resolve("secret.txt"), "secret");
  }

  /** Whatever was sent, others are served. */
  @AfterEach
  void othersAreServed() throws Exception {
    assertThat(server.get("/health").statusCode()).isEqualTo(200);
  }

  @AfterAll
  void stop() {
    server.close();
  }

  final String ask(String line, String headers, byte[] body) throws IOException {
    return Wire.ask(server.url(), line + " HTTP/1.1\r\n" + headers, body);
  }

  static void assertRefused(String what, String answer) throws Exception {
    assertThat(Wire.statuses(answer)).as("%s: %s", what, answer).hasSize(1);
    assertThat(Wire.statuses(answer).get(0)).as("%s: %s", what, answer).isBetween(400, 499);
    if (answer.startsWith("HTTP/1.1")) {
      String body = answer.substring(answer.indexOf("\r\n\r\n") + 4);
      JsonNode json = JsonMapper.shared().readTree(body.substring(body.indexOf('{')));
      assertThat(json.has("detail")).as(answer).isTrue();
    }
    assertThat(answer).doesNotContain("Exception", "\tat ", "jetty", "Jetty");
  }

  static byte[] part(String name, String file, byte[] content) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(
        ("--x\r\nContent-Disposition: form-data; name=\""
                + name
                + "\""
                + (file == null ? "" : "; filename=\"" + file + "\"")
                + "\r\n\r\n")
            .getBytes(StandardCharsets.UTF_8));
    out.write(content);
    out.write("\r\n--x--\r\n".getBytes(StandardCharsets.UTF_8));
    return out.toByteArray();
  }
}
