package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code jdit serve} as a process, with ranks that are killed. */
@Timeout(value = 180, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class ServeCommandTest {
  private static final Pattern ADDRESS = Pattern.compile("listening on (http://\\S+)");
  private static final HttpClient CLIENT = HttpClient.newHttpClient();
  private static final int TERMINATED = 143;

  @TempDir private Path folder;
  private Path log;
  private String url;

  private Process start(String... more) throws Exception {
    log = Files.createTempFile(folder, "serve", ".txt");
    List<String> arguments =
        new ArrayList<>(List.of("serve", "--output-path", folder.resolve("out").toString()));
    arguments.addAll(List.of(more));
    if (!arguments.contains("--port")) {
      arguments.addAll(List.of("--port", "0"));
    }
    Process process =
        new ProcessBuilder(ChildProcess.command(arguments.toArray(String[]::new)))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    while (!said("ready")) {
      assertThat(process.isAlive()).as(Files.readString(log)).isTrue();
      Thread.sleep(50);
    }
    Matcher address = ADDRESS.matcher(Files.readString(log));
    assertThat(address.find()).isTrue();
    url = address.group(1);
    return process;
  }

  private boolean said(String line) throws IOException {
    return Files.readString(log).lines().anyMatch(line::equals);
  }

  private JsonNode get(String path) throws Exception {
    return send(HttpRequest.newBuilder(URI.create(url + path)));
  }

  private JsonNode post(String path, String json) throws Exception {
    return send(
        HttpRequest.newBuilder(URI.create(url + path))
            .POST(HttpRequest.BodyPublishers.ofString(json)));
  }

  private static JsonNode send(HttpRequest.Builder request) throws Exception {
    return JsonMapper.shared()
        .readTree(CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofByteArray()).body());
  }

  private static String draw(int steps) {
    return "{\"prompt\": \"a small green square\", \"num_inference_steps\": " + steps + "}";
  }

  private String submit(int steps) throws Exception {
    return post("/v1/tasks/image", draw(steps)).get("id").stringValue();
  }

  private JsonNode await(String id) throws Exception {
    while (true) {
      JsonNode task = get("/v1/tasks/" + id);
      if (!task.get("completed_at").isNull()) {
        return task;
      }
      Thread.sleep(50);
    }
  }

  @Test
  void anOrderlyEndFinishesWhatIsOpen() throws Exception {
    Process process = start();
    String running = submit(20);
    process.destroy();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(TERMINATED);
    assertThat(Files.readString(log))
        .contains("request=" + running + " model=shapes state=completed");
    process = start("--performance-mode", "memory");
    assertThat(get("/v1/tasks/" + running).get("status").stringValue()).isEqualTo("completed");
    assertThat(Files.readString(log))
        .contains(
            "shapes: offload: transformer and text_encoder and text_encoder_2 layer by layer, ");
    assertThat(await(submit(2)).get("status").stringValue()).isEqualTo("completed");
    process.destroy();
    process.waitFor();
  }

  @Test
  void anotherPortIsTakenAndAWarmUpIsNotSeen() throws Exception {
    try (ServerSocket taken = new ServerSocket()) {
      taken.bind(new InetSocketAddress("127.0.0.1", 0));
      int port = Math.min(taken.getLocalPort(), 65_535 - 42);
      assumeTrue(port == taken.getLocalPort(), "no room above port " + port);
      Path pictures = folder.resolve("in");
      Process process =
          start(
              "--port",
              Integer.toString(port),
              "--warmup",
              "--warmup-resolutions",
              "64x64",
              "32x32",
              "--log-requests-format",
              "json",
              "--input-save-path",
              pictures.toString(),
              "--disable-conditioning-cache",
              "--webui",
              "--enable-metrics",
              "--log-level",
              "debug");
      String said = Files.readString(log);
      assertThat(said)
          .containsPattern("port " + port + " is in use: taking \\d+")
          .contains("--webui: the page is always there")
          .contains("--enable-metrics: /metrics is always there")
          .contains("--log-level has no effect in JDiT");
      assertThat(url).doesNotEndWith(":" + port);
      assertThat(get("/v1/tasks").get("data").size()).isZero();
      assertThat(await(submit(2)).get("status").stringValue()).isEqualTo("completed");
      while (!Files.readString(log).contains("completed")) {
        Thread.sleep(50);
      }
      String last = Files.readString(log).lines().reduce((a, b) -> b).orElseThrow();
      JsonNode entry = JsonMapper.shared().readTree(last);
      assertThat(entry.get("state").stringValue()).isEqualTo("completed");
      assertThat(entry.get("time").stringValue()).startsWith("20");
      process.destroy();
      process.waitFor();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--enable-trace|--enable-trace true is not available in JDiT: JDiT sends no traces",
        "--enable-metrics false|--enable-metrics false is not available in JDiT: /metrics is always",
        "--disagg-role encoder|--disagg-role encoder is not available in JDiT: one server does all",
        "--encoder-urls http://x|--encoder-urls is not available in JDiT",
        "--otlp-traces-endpoint localhost:4317|--otlp-traces-endpoint is not available in JDiT",
        "--webui-port 1|--webui-port is not available in JDiT: the page is at / of --port",
        "--warmup-mode request|--warmup-mode request is not available in JDiT",
        "--warmup-mode never|--warmup-mode: expected off or server, found 'never'",
        "--warmup --warmup-sampling-params {\"num_inference_steps\":0}|expected an integer >= 1",
        "--warmup --warmup-mode off|exclude each other",
        "--warmup-num-frames 5|need --warmup-mode server",
        "--warmup --warmup-resolutions big|expected WIDTHxHEIGHT such as 1024x1024, found 'big'",
        "--warmup --warmup-sampling-params {|--warmup-sampling-params is no JSON",
        "--warmup --warmup-sampling-params {\"stepps\":1}|unknown key 'stepps'",
        "--log-requests-format xml|--log-requests-format: expected text or json, found 'xml'",
        "--max-body-mb 5000|--max-body-mb must be <= 1024, got 5000",
      })
  void whatIsNotThereIsRefusedByName(String options, String message) {
    List<String> arguments = new ArrayList<>(List.of("serve", "--port", "0", "--output-path", ""));
    arguments.addAll(List.of(options.split(" ")));
    CommandLineRun run = CommandLineRun.of(arguments.toArray(String[]::new));
    assertThat(run.exitCode()).as(run.err()).isEqualTo(ExitCode.USAGE);
    assertThat(run.err()).contains(message);
  }

  @Test
  void everyRequestEndsWhateverRankIsKilled() throws Exception {
    long seed = System.nanoTime();
    System.out.println("seed " + seed);
    Random random = new Random(seed);
    Process process = start("--num-gpus", "2", "--ulysses-size", "2");
    List<String> ids = new ArrayList<>();
    for (int kill = 0; kill < 2; kill++) {
      for (int i = 0; i < 4; i++) {
        ids.add(submit(random.nextInt(20, 40)));
      }
      Thread.sleep(random.nextInt(100, 700));
      int rank = random.nextInt(2);
      ranks(process).get(rank).destroyForcibly();
    }
    int failed = 0;
    for (String id : ids) {
      JsonNode task = await(id);
      if (!task.get("status").stringValue().equals("completed")) {
        failed++;
        assertThat(task.get("status").stringValue()).isEqualTo("failed");
        assertThat(task.get("error").get("message").stringValue())
            .matches("rank \\d failed in stage \\w+: killed by SIGKILL.*");
      }
    }
    assertThat(failed).isPositive();
    assertThat(get("/health").get("status").stringValue()).isEqualTo("ok");
    assertThat(await(submit(2)).get("status").stringValue()).isEqualTo("completed");
    process.destroy();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.descendants()).isEmpty();
  }

  /** As Ctrl-C in a terminal, systemd and scancel send it. */
  @Test
  void aSignalToAllProcessesEndsWhatIsOpenFirst() throws Exception {
    Process process = start("--num-gpus", "2", "--ulysses-size", "2");
    String id = submit(20);
    List<ProcessHandle> ranks = ranks(process);
    process.destroy();
    ranks.forEach(ProcessHandle::destroy);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(Files.readString(log))
        .contains("request=" + id + " model=shapes state=completed")
        .doesNotContain("state=lost");
    assertThat(ranks).noneMatch(ProcessHandle::isAlive);
  }

  /** Waits for both, which may be starting again. */
  private static List<ProcessHandle> ranks(Process server) throws InterruptedException {
    while (true) {
      List<ProcessHandle> ranks = server.descendants().filter(ProcessHandle::isAlive).toList();
      if (ranks.size() >= 2) {
        return ranks;
      }
      Thread.sleep(50);
    }
  }

  @Test
  void whatCannotBeServedIsSaidAndNothingIsLeft() throws Exception {
    CommandLineRun busy;
    try (ServerSocket taken = new ServerSocket(0)) {
      busy =
          CommandLineRun.of(
              "serve",
              "--host",
              "0.0.0.0",
              "--port",
              Integer.toString(taken.getLocalPort()),
              "--output-path",
              folder.toString(),
              "--strict-ports");
    }
    assertThat(busy.exitCode()).isEqualTo(ExitCode.FAILED);
    assertThat(busy.err()).contains("the port is in use or not allowed; give another with --port");
    CommandLineRun model = CommandLineRun.of("serve", "--port", "0", "--model-path", "nowhere");
    assertThat(model.exitCode()).isEqualTo(ExitCode.MODEL);
    CommandLineRun queue = CommandLineRun.of("serve", "--max-queue", "0");
    assertThat(queue.exitCode()).isEqualTo(ExitCode.USAGE);
    assertThat(queue.err()).contains("--max-queue must be >= 1, got 0");
  }
}
