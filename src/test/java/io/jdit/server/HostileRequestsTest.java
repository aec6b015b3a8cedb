package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/**
 * Paths, JSON, forms and headers that no honest client sends. The table in docs/serving.md tells of
 * these.
 */
class HostileRequestsTest extends HostileServer {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v1/images/%s/content",
        "/v1/images/%s",
        "/v1/videos/%s",
        "/v1/videos/%s/content",
        "/v1/tasks/%s",
        "/v1/models/%s",
        "/%s",
        "/app.js/%s"
      })
  void noPathLeadsOutOfTheFolder(String route) throws Exception {
    List<String> targets = new ArrayList<>();
    for (String up :
        List.of(
            "../", "..%2f", "%2e%2e/", "%2e%2e%2f", "%252e%252e%252f", "..\\", "..%5c", ".;/")) {
      targets.add(up.repeat(3) + "secret.txt");
      targets.add(up.repeat(12) + "etc/passwd");
    }
    targets.addAll(
        List.of("%00", "a%00.png", "..%c0%af..%c0%afsecret.txt", "%ff", "%u002e", "%", "....//x"));
    for (String target : targets) {
      String answer = ask("GET " + route.formatted(target), "", new byte[0]);
      assertRefused(target, answer);
      assertThat(answer).doesNotContain("root:");
    }
  }

  @Test
  void aModelsNameMayHaveSlashes() throws Exception {
    for (String name : List.of("org/shapes", "org%2Fshapes", "org%2fshapes")) {
      JsonNode model = TestServer.json(server.get("/v1/models/" + name));
      assertThat(model.get("id").stringValue()).isEqualTo("org/shapes");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"prompt\": \"x\", \"prompt\": \"y\"}",
        "{\"prompt\": \"x\", \"guidance_scale\": NaN}",
        "{\"prompt\": \"x\", \"guidance_scale\": Infinity}",
        "{\"prompt\": \"x\", \"guidance_scale\": 1e999}",
        "{\"prompt\": \"x\", \"guidance_scale\": -1e999999999}",
        "{\"prompt\": \"x\", \"num_inference_steps\": 1e999999999}",
        "{\"prompt\": \"x\", \"num_inference_steps\": 99999999999999999999999999}",
        "{\"prompt\": \"x\", \"seed\": 1e100000000}",
        "{\"prompt\": \"x\", \"seed\": 1e9}",
        "{\"prompt\": \"x\", \"width\": 2147483647, \"height\": 2147483647}",
        "{\"prompt\": \"x\", \"width\": 2147483640, \"height\": 2147483640}",
        "{\"prompt\": \"x\", \"size\": \"999999x999999\"}",
        "{\"prompt\": \"\\ud800\"}",
        "{\"\\udfff\": 1}",
        "{\"prompt\": \"x\", \"model\": \"\\ud800\"}",
        "{\"prompt\": \"x\", \"diffusers_kwargs\": \"{\\\"\\\\ud800\\\": 1}\"}",
        "{\"prompt\": \"x\", \"diffusers_kwargs\": {\"diffusers_kwargs\": {}}}",
        "{\"prompt\": \"x\", \"image\": \"data:image/png;base64,####\"}",
        "{\"prompt\": \"x\", \"image\": \"data:;base64,\"}",
        "{\"prompt\": \"x\", \"image\": [[[]]]}",
        "{\"prompt\": \"x\", \"enable_cache_dit\": true, \"cache_dit_params\": {\"scm_steps_mask\": 1e999999999}}",
        "{\"prompt\": {\"prompt\": \"x\"}}",
        "{\"prompt\": \"x\"} trailing",
        "{\"prompt\": \"x\"",
        "\u0000",
        "null"
      })
  void noJsonBreaksTheServer(String body) throws Exception {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    assertRefused(body, ask("POST " + DRAW, "Content-Length: " + bytes.length + "\r\n", bytes));
    assertRefused(
        body, ask("POST /vertex_generate", "Content-Length: " + bytes.length + "\r\n", bytes));
    assertRefused(
        body, ask("POST /v1/tasks/image", "Content-Length: " + bytes.length + "\r\n", bytes));
  }

  @Test
  void largeJsonIsRefusedSoon() throws Exception {
    String deep = "{\"prompt\": ".repeat(100_000);
    String list = "{\"prompt\": " + "[".repeat(500_000);
    String digits = "{\"prompt\": \"x\", \"seed\": " + "9".repeat(1_000_000) + "}";
    String names = "{" + many(100_000) + "\"prompt\": \"x\"}";
    String name = "{\"" + "a".repeat(1_000_000) + "\": 1}";
    String prompt = "{\"prompt\": \"" + "ab ".repeat(600_000) + "\"}";
    String instances = "{\"instances\": [" + "{},".repeat(500_000) + "{}]}";
    long start = System.nanoTime();
    for (String body : List.of(deep, list, digits, names, name, prompt, instances)) {
      String path = body.equals(instances) ? "/vertex_generate" : DRAW;
      HttpResponse<byte[]> response = server.post(path, body);
      assertThat(response.statusCode()).as(body.substring(0, 30)).isBetween(400, 422);
      assertThat(response.body().length).isLessThan(2000);
    }
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
  }

  private static String many(int count) {
    StringBuilder names = new StringBuilder();
    for (int i = 0; i < count; i++) {
      names.append("\"b").append(i).append("\": 1, ");
    }
    return names.toString();
  }

  @Test
  void bytesThatAreNoTextAreRefused() throws Exception {
    byte[] json = "{\"prompt\": \"x?\"}".getBytes(StandardCharsets.US_ASCII);
    json[13] = (byte) 0xff;
    assertRefused("JSON", ask("POST " + DRAW, "Content-Length: " + json.length + "\r\n", json));
    byte[] form = part("prompt", null, new byte[] {'a', (byte) 0xff});
    String answer =
        ask(
            "POST " + DRAW,
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: "
                + form.length
                + "\r\n",
            form);
    assertRefused("form", answer);
    assertThat(answer).contains("prompt: bytes that are not UTF-8");
  }

  @Test
  void oddFormsAreRefused() throws Exception {
    StringBuilder parts = new StringBuilder();
    for (int i = 0; i < 5000; i++) {
      parts.append(
          "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"../../a\"\r\n\r\nx\r\n");
    }
    byte[] thousands = (parts + "--x--\r\n").getBytes(StandardCharsets.US_ASCII);
    byte[] header =
        ("--x\r\nX: " + "y".repeat(100_000) + "\r\n\r\nx\r\n--x--\r\n")
            .getBytes(StandardCharsets.US_ASCII);
    byte[] name =
        part("../../secret.txt", "../../../../tmp/evil", "x".getBytes(StandardCharsets.US_ASCII));
    byte[] whole = part("prompt", null, "x".getBytes(StandardCharsets.US_ASCII));
    byte[] cut = "--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nx".getBytes();
    String type = "Content-Type: multipart/form-data";
    assertRefused("thousands", form(type + "; boundary=x", thousands));
    assertRefused("header", form(type + "; boundary=x", header));
    assertRefused("name", form(type + "; boundary=x", name));
    assertRefused("cut", form(type + "; boundary=x", cut));
    assertRefused("other boundary", form(type + "; boundary=y", whole));
    assertRefused("no boundary", form(type, whole));
    assertRefused("long boundary", form(type + "; boundary=" + "z".repeat(5000), whole));
    assertRefused("empty", form(type + "; boundary=x", new byte[0]));
    assertRefused("charset", form(type + "; boundary=x; charset=no-such", name));
    assertRefused("urlencoded", form("Content-Type: application/x-www-form-urlencoded", whole));
    assertThat(folder.resolve("../../tmp/evil")).doesNotExist();
  }

  private String form(String type, byte[] body) throws IOException {
    return ask("POST /v1/images/edits", type + "\r\nContent-Length: " + body.length + "\r\n", body);
  }

  @Test
  void oddHeadersChangeNothing() throws Exception {
    for (String header :
        List.of(
            "X-Request-Id: " + "a".repeat(5000),
            "X-Request-Id: <script>\t\"'",
            "Authorization: ",
            "Authorization: Bearer",
            "Authorization: Basic ####",
            "Accept: \u00ff\u00fe",
            "Accept-Encoding: gzip;q=9999, *;q=-1, x;q=a",
            "Accept-Language: " + "de,".repeat(500),
            "Range: bytes=9-1,-,0-99999999999999999999",
            "If-Modified-Since: yesterday",
            "Cookie: " + "a=b;".repeat(1000),
            "Origin: null",
            "Expect: 200-nothing",
            "X-Forwarded-For: ::::",
            "Content-Type: ;;;",
            "Content-Encoding: gzip")) {
      String answer = ask("GET /liveness", header + "\r\n", new byte[0]);
      assertThat(Wire.statuses(answer).get(0)).as(header).isIn(200, 406, 417);
      assertThat(answer).doesNotContain("<script>");
    }
    assertRefused(
        "header", ask("GET /liveness", "X: " + "a".repeat(100_000) + "\r\n", new byte[0]));
    assertRefused("line", ask("GET /" + "a".repeat(100_000), "", new byte[0]));
    assertRefused("method", ask("BREW /liveness", "", new byte[0]));
    assertRefused("trace", ask("TRACE /liveness", "", new byte[0]));
    assertThat(Wire.statuses(ask("CONNECT example.com:443", "", new byte[0]))).contains(400);
    assertRefused("query", ask("GET /v1/videos?limit=%ff&order=%00", "", new byte[0]));
    assertRefused("no HTTP", Wire.ask(server.url(), "hello\r\n", new byte[0]));
    assertRefused("a TLS client", Wire.ask(server.url(), "\u0016\u0003\u0001\u0002", new byte[0]));
  }
}
