package io.jdit.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Clients that leave before they are answered. */
class WaitingClientsTest extends HostileServer {
  private static final String MANY_STEPS =
      "\"prompt\": \"a red circle\", \"num_inference_steps\": 1000";

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/v1/images/generations|{%s}",
        "/vertex_generate|{\"instances\": [{%s}], \"parameters\": {}}",
      })
  void theirRequestsAreCancelled(String path, String body) throws Exception {
    assumeTrue(Connection.areKnown(), "this system does not tell its connections");
    try (Wire wire = new Wire(server.url())) {
      String json = body.replace("%s", MANY_STEPS);
      wire.send(
          "POST "
              + path
              + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
              + json.length()
              + "\r\n\r\n"
              + json);
      Thread.sleep(1500); // longer than it takes to look: who stays is not taken for gone
      assertThat(newest().get("status").stringValue()).isEqualTo("in_progress");
    }
    while (newest().get("completed_at").isNull()) {
      Thread.sleep(50);
    }
    assertThat(newest().get("status").stringValue()).isEqualTo("cancelled");
  }

  private JsonNode newest() throws Exception {
    return TestServer.json(server.get("/v1/tasks")).get("data").get(0);
  }

  @Test
  void whoHasBeenAnsweredCanLeave() throws Exception {
    try (Wire wire = new Wire(server.url())) {
      String json = "{\"prompt\": \"a red circle\", \"num_inference_steps\": 1}";
      wire.send(
          "POST "
              + DRAW
              + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
              + json.length()
              + "\r\n\r\n"
              + json);
      assertThat(Wire.statuses(wire.rest())).containsExactly(200);
    }
    assertThat(newest().get("status").stringValue()).isEqualTo("completed");
  }
}
