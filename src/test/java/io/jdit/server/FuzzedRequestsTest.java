package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.Key;
import io.jdit.engine.serve.Batching;
import io.jdit.engine.serve.TaskStore;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Random bodies, known fields with odd values among them, are drawn or refused: never 5xx. */
class FuzzedRequestsTest {
  private static final int REQUESTS = 600;
  private static final Duration LONGEST = Duration.ofSeconds(8);
  private static final List<String> ROUTES =
      List.of(
          "/v1/images/generations",
          "/v1/images/edits",
          "/v1/tasks/image",
          "/v1/videos",
          "/v1/videos/sync",
          "/v1/tasks/video",
          "/vertex_generate");

  private static final List<String> VALUES =
      List.of(
          "null",
          "true",
          "false",
          "0",
          "-1",
          "1",
          "2",
          "64",
          "63",
          "1.5",
          "-0.0",
          "1e308",
          "1e400",
          "2147483648",
          "9223372036854775808",
          "18446744073709551615",
          "99999999999999999999999",
          "\"\"",
          "\" \"",
          "\"64x64\"",
          "\"0x0\"",
          "\"auto\"",
          "\"png\"",
          "\"b64_json\"",
          "\"url\"",
          "\"shapes\"",
          "\"true\"",
          "\"2\"",
          "\"\\u0000\"",
          "\"\\ud83d\\ude00 \\u202e\\ufffe\"",
          "\"\\n\\r\\t\\u001b[31m\"",
          "\"../../etc/passwd\"",
          "\"%s%n${jndi:ldap://x}\"",
          "\"data:image/png;base64,iVBORw0KGgo=\"",
          "\"data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7\"",
          "[]",
          "[1, 2]",
          "[\"a\"]",
          "{}",
          "{\"prompt\": \"x\"}",
          "{\"a\": {\"b\": [1]}}",
          "NaN",
          "\u00fc",
          "");

  @TempDir private Path folder;
  private Random random;

  @Test
  void nothingBreaksTheServer() throws Exception {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    random = new Random(seed);
    List<String> names = names();
    ServerSettings settings =
        new ServerSettings(
            "127.0.0.1",
            0,
            folder,
            folder,
            true,
            new TaskStore.Limits(Duration.ofHours(1), 1L << 30, 1000),
            new Batching(Batching.Mode.CONTINUOUS, 4, 0),
            4,
            new ServerSettings.Limits(1 << 20, 64 * 64, 9, 2, Duration.ofSeconds(30)),
            List.of(),
            List.of(),
            true,
            RequestLog.JSON);
    try (TestServer server =
        new TestServer(
            settings,
            ServedModelsForTests.shapes(),
            ServedModelsForTests.fixture("wan21-t2v-tiny"))) {
      long end = System.nanoTime() + LONGEST.toNanos();
      int accepted = 0;
      for (int i = 0; i < REQUESTS && System.nanoTime() < end; i++) {
        boolean form = random.nextInt(3) == 0;
        String body = form ? form(names) : json(names);
        String route = ROUTES.get(random.nextInt(ROUTES.size()));
        HttpResponse<byte[]> response =
            server.send(
                HttpRequest.newBuilder(URI.create(server.url() + route))
                    .header(
                        "Content-Type",
                        form ? "multipart/form-data; boundary=x" : "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString(body)));
        assertThat(response.statusCode())
            .as("seed %d, %s %s: %s", seed, route, body, TestServer.text(response))
            .isBetween(200, 499);
        accepted += response.statusCode() < 300 ? 1 : 0;
      }
      assertThat(accepted).as("seed %d: some are drawn", seed).isPositive();
      assertThat(server.get("/health").statusCode()).isEqualTo(200);
      assertThat(server.get("/v1/tasks").statusCode()).isEqualTo(200);
    }
  }

  private static List<String> names() {
    return Stream.of(
            Stream.of("x", "", "\u00fc", "prompt ", "__proto__", "instances", "parameters"),
            ApiKeys.IMAGES.names().stream(),
            ApiKeys.VIDEOS.names().stream(),
            ApiKeys.PARAMETERS.keys().stream().map(Key::name),
            ApiKeys.PICTURES.stream(),
            ApiKeys.WITHOUT_EFFECT.stream(),
            ApiKeys.REFUSED.keySet().stream())
        .flatMap(s -> s)
        .toList();
  }

  private String value() {
    return VALUES.get(random.nextInt(VALUES.size()));
  }

  private String json(List<String> names) {
    List<String> fields = new ArrayList<>();
    if (random.nextInt(8) > 0) {
      fields.add("\"prompt\": \"a red circle\"");
      fields.add("\"num_inference_steps\": 1");
    }
    for (int i = random.nextInt(4); i > 0; i--) {
      fields.add("\"" + names.get(random.nextInt(names.size())) + "\": " + value());
    }
    String object = "{" + String.join(", ", fields) + "}";
    String body =
        random.nextInt(5) == 0 ? "{\"instances\": [" + object + ", " + object + "]}" : object;
    return random.nextInt(10) == 0 ? mutated(body) : body;
  }

  private String form(List<String> names) {
    StringBuilder form = new StringBuilder();
    if (random.nextInt(8) > 0) {
      form.append(part("prompt", "a red circle")).append(part("num_inference_steps", "1"));
    }
    for (int i = random.nextInt(4); i > 0; i--) {
      form.append(part(names.get(random.nextInt(names.size())), value().replace("\"", "")));
    }
    form.append("--x--\r\n");
    return random.nextInt(5) == 0 ? mutated(form.toString()) : form.toString();
  }

  private static String part(String name, String text) {
    return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + text + "\r\n";
  }

  /** With some bytes cut out, doubled or changed. */
  private String mutated(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
    int at = random.nextInt(bytes.length);
    return switch (random.nextInt(3)) {
      case 0 -> text.substring(0, at);
      case 1 -> text.substring(0, at) + text.substring(at / 2);
      default -> text.substring(0, at) + (char) random.nextInt(256) + text.substring(at);
    };
  }
}
