package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Connections that are slow, half open, or send too much. */
class HostileConnectionsTest extends HostileServer {
  @Test
  void halfOpenAndSlowConnectionsHoldNobodyUp() throws Exception {
    List<Wire> open = new ArrayList<>();
    try {
      for (int i = 0; i < 300; i++) {
        Wire wire = new Wire(server.url());
        open.add(wire);
        switch (i % 4) {
          case 0 -> wire.send("");
          case 1 -> wire.send("POST " + DRAW + " HTTP/1.1\r\nHost: x\r\nX-Half: ");
          case 2 ->
              wire.send(
                  "POST " + DRAW + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"pro");
          default ->
              wire.send(
                  "POST /v1/images/edits HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                      + "Content-Type: multipart/form-data; boundary=x\r\n\r\n5\r\n--x\r\n\r\n");
        }
      }
      long start = System.nanoTime();
      HttpResponse<byte[]> drawn =
          server.post(DRAW, "{\"prompt\": \"a red circle\", \"num_inference_steps\": 1}");
      assertThat(drawn.statusCode()).as(TestServer.text(drawn)).isEqualTo(200);
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
      for (Wire wire : open) { // all are closed by the server in the end, some with a word
        assertThat(Wire.statuses(wire.rest())).isSubsetOf(400, 408);
      }
    } finally {
      for (Wire wire : open) {
        wire.close();
      }
    }
  }

  @Test
  void aBodyThatTricklesIsEnded() throws Exception {
    try (Wire wire = new Wire(server.url())) {
      wire.send("POST " + DRAW + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{");
      long start = System.nanoTime();
      Thread trickle =
          new Thread(
              () -> {
                try {
                  for (int i = 0; i < 20; i++) {
                    wire.send(" ");
                    Thread.sleep(500);
                  }
                } catch (IOException | InterruptedException e) {
                  // The connection is closed.
                }
              });
      trickle.start();
      assertThat(wire.rest()).isEmpty();
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(6));
      trickle.interrupt();
      trickle.join();
    }
  }

  @Test
  void aLongRequestIsNoIdleConnection() throws Exception {
    String id =
        TestServer.json(
                server.post(
                    "/v1/tasks/image", "{\"prompt\": \"a ring\", \"num_inference_steps\": 2000}"))
            .get("id")
            .stringValue();
    try (Wire wire = new Wire(server.url())) {
      String body = "{\"prompt\": \"a ring\", \"num_inference_steps\": 40}";
      wire.send(
          "POST "
              + DRAW
              + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
              + body.length()
              + "\r\n\r\n"
              + body);
      Thread.sleep(2 * IDLE.toMillis());
      assertThat(Wire.statuses(wire.rest())).containsExactly(200);
    }
    server.post("/v1/tasks/" + id + "/cancel", "");
    server.await(id);
  }

  @Test
  void pipelinedRequestsAreAnsweredInOrder() throws Exception {
    String get = "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n";
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < 50; i++) {
      all.append(get.formatted("/liveness", ""));
      all.append(get.formatted("/v1/tasks/none", ""));
      all.append("POST " + DRAW + " HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}");
    }
    all.append(get.formatted("/liveness", "Connection: close\r\n"));
    try (Wire wire = new Wire(server.url())) {
      List<Integer> statuses = Wire.statuses(wire.send(all.toString()).rest());
      assertThat(statuses).hasSize(151);
      assertThat(statuses.subList(0, 6)).containsExactly(200, 404, 422, 200, 404, 422);
    }
  }

  @Test
  void twoLengthsAreNoRequest() throws Exception {
    for (String lengths :
        List.of(
            "Content-Length: 2\r\nContent-Length: 3\r\n",
            "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: identity, chunked, identity\r\n",
            "Content-Length: -1\r\n",
            "Content-Length: two\r\n")) {
      assertRefused(lengths, ask("POST " + DRAW, lengths, "{}".getBytes()));
    }
  }

  @Test
  void aBodyBeyondTheLimitIsRefused() throws Exception {
    byte[] large = new byte[BODY + 100_000];
    String answer = ask("POST " + DRAW, "Content-Length: " + large.length + "\r\n", large);
    assertThat(answer).contains(" 413 ").contains("the body has more than " + BODY);
    answer = ask("POST " + DRAW, "Content-Length: 99999999999999\r\n", new byte[100]);
    assertThat(answer).contains(" 413 ");
    answer = ask("POST " + DRAW, "Transfer-Encoding: chunked\r\n", chunked(large, 60_000));
    assertThat(answer).contains(" 413 ");
    String form = "Content-Type: multipart/form-data; boundary=x\r\n";
    byte[] part = part("prompt", null, large);
    answer = ask("POST " + DRAW, form + "Content-Length: " + part.length + "\r\n", part);
    assertThat(answer).contains(" 413 ");
    answer = ask("POST " + DRAW, form + "Transfer-Encoding: chunked\r\n", chunked(part, 9000));
    assertThat(answer).contains(" 413 ");
  }

  private static byte[] chunked(byte[] bytes, int size) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int at = 0; at < bytes.length; at += size) {
      int length = Math.min(size, bytes.length - at);
      out.write((Integer.toHexString(length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
      out.write(bytes, at, length);
      out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
    }
    out.write("0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
    return out.toByteArray();
  }
}
