package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code jdit serve} as two processes that torchrun, srun or mpirun starts, and its end. */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ServeUnderLaunchersTest {
  private static final Pattern ADDRESS = Pattern.compile("listening on (http://\\S+)");
  private static final HttpClient CLIENT = HttpClient.newHttpClient();
  private static final int TERMINATED = 143;

  @TempDir private Path folder;
  private final List<Process> processes = new ArrayList<>();

  @AfterEach
  void noProcessIsLeft() throws Exception {
    for (Process process : processes) {
      List<ProcessHandle> children = process.descendants().toList();
      process.destroyForcibly().waitFor();
      for (ProcessHandle child : children) {
        child.onExit().get(20, TimeUnit.SECONDS);
      }
    }
  }

  /** Starts rank 0 and rank 1 as torchrun does, and waits until requests are answered. */
  private void start() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    for (int rank = 0; rank < 2; rank++) {
      ProcessBuilder builder =
          new ProcessBuilder(
                  ChildProcess.command(
                      "serve",
                      "--device",
                      "cpu",
                      "--port",
                      "0",
                      "--output-path",
                      folder.resolve("out").toString()))
              .redirectErrorStream(true)
              .redirectOutput(log(rank).toFile());
      builder.environment().put("RANK", Integer.toString(rank));
      builder.environment().put("LOCAL_RANK", Integer.toString(rank));
      builder.environment().put("WORLD_SIZE", "2");
      builder.environment().put("MASTER_ADDR", "127.0.0.1");
      builder.environment().put("MASTER_PORT", Integer.toString(port));
      processes.add(builder.start());
    }
    while (Files.readString(log(0)).lines().noneMatch("ready"::equals)) {
      assertThat(processes).as(Files.readString(log(0))).allMatch(Process::isAlive);
      Thread.sleep(50);
    }
  }

  private Path log(int rank) {
    return folder.resolve("rank" + rank + ".txt");
  }

  private JsonNode draw(int steps) throws Exception {
    Matcher address = ADDRESS.matcher(Files.readString(log(0)));
    assertThat(address.find()).isTrue();
    String body =
        "{\"prompt\": \"a red circle on a white background\", \"seed\": [3, 4], \"response_format\":"
            + " \"url\", \"output_format\": \"png\", \"num_inference_steps\": "
            + steps
            + "}";
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(address.group(1) + "/v1/images/generations"))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body))
            .build();
    return JsonMapper.shared()
        .readTree(CLIENT.send(request, HttpResponse.BodyHandlers.ofString()).body());
  }

  private ProcessHandle child(int rank) {
    return processes.get(rank).children().findFirst().orElseThrow();
  }

  @Test
  void theyDrawTogetherAndAKilledRankIsStartedAgain() throws Exception {
    start();
    byte[] picture = picture(draw(4));
    child(1).destroyForcibly();
    assertThat(draw(4).get("detail").stringValue())
        .startsWith("rank 1 failed in stage serve: killed by SIGKILL");
    assertThat(picture(draw(4))).isEqualTo(picture);

    processes.get(1).destroyForcibly();
    assertThat(processes.get(0).waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(processes.get(0).exitValue()).isEqualTo(ExitCode.FAILED);
    assertThat(Files.readString(log(0))).contains("the process of rank 1 on 127.0.0.1 is gone");
  }

  private byte[] picture(JsonNode answer) throws IOException {
    assertThat(answer.get("data").size()).as("a picture for each seed").isEqualTo(2);
    return Files.readAllBytes(Path.of(answer.get("data").get(0).get("file_path").stringValue()));
  }

  @Test
  void aSignalToAnyProcessEndsWhatIsOpenFirst() throws Exception {
    start();
    CompletableFuture<JsonNode> open = CompletableFuture.supplyAsync(() -> unchecked(20));
    while (!Files.readString(log(0)).contains("state=queued")) {
      Thread.sleep(20);
    }
    processes.get(1).destroy();
    child(1).destroy();
    assertThat(open.get(60, TimeUnit.SECONDS).get("data")).isNotNull();
    for (Process process : processes) {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isEqualTo(TERMINATED);
    }
    assertThat(Files.readString(log(0))).contains("shutting down").doesNotContain("state=lost");
  }

  private JsonNode unchecked(int steps) {
    try {
      return draw(steps);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
