package io.jdit.cli;

import io.jdit.engine.serve.Batching;
import io.jdit.engine.serve.TaskStore;
import io.jdit.server.ServerSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Option;

/** How a server listens, queues, keeps and limits. */
final class ServerOptions {
  private static final long LARGEST_BODY_MB = 1024;
  private static final Duration IDLE = Duration.ofSeconds(30);

  @Option(
      names = "--host",
      paramLabel = "ADDRESS",
      defaultValue = "127.0.0.1",
      description = "Where to listen; 0.0.0.0 for all networks. Default: ${DEFAULT-VALUE}.")
  String host;

  @Option(
      names = "--port",
      paramLabel = "N",
      defaultValue = "30000",
      description = "Default: ${DEFAULT-VALUE}; 0 takes any free one, which is said.")
  int port;

  @Option(
      names = "--output-path",
      paramLabel = "DIR",
      defaultValue = "outputs",
      description =
          "Folder of results and of the records that outlive a restart; empty: results come in"
              + " answers only. Default: ${DEFAULT-VALUE}.")
  String outputPath;

  @Option(
      names = "--keep-hours",
      paramLabel = "H",
      defaultValue = "168",
      description = "Results older than this are deleted. Default: ${DEFAULT-VALUE}.")
  int keepHours;

  @Option(
      names = "--keep-mb",
      paramLabel = "MB",
      defaultValue = "10240",
      description = "The oldest results go beyond this size. Default: ${DEFAULT-VALUE}.")
  long keepMegabytes;

  @Option(
      names = "--keep-count",
      paramLabel = "N",
      defaultValue = "1000",
      description = "The oldest results go beyond this number. Default: ${DEFAULT-VALUE}.")
  int keepCount;

  @Option(
      names = "--batching-mode",
      paramLabel = "MODE",
      defaultValue = "continuous",
      description =
          "off: one request after the other; dynamic: requests of one kind that begin together;"
              + " continuous: requests join and leave between steps. Default: ${DEFAULT-VALUE}.")
  Batching.Mode mode;

  @Option(
      names = "--batching-max-size",
      paramLabel = "N",
      defaultValue = "4",
      description = "Requests that are drawn at a time. Default: ${DEFAULT-VALUE}.")
  int most;

  @Option(
      names = "--batching-delay-ms",
      paramLabel = "MS",
      defaultValue = "0",
      description = "How long dynamic waits for more. Default: ${DEFAULT-VALUE}.")
  int delay;

  @Option(
      names = "--max-queue",
      paramLabel = "N",
      defaultValue = "256",
      description = "Requests that may wait; others get status 429. Default: ${DEFAULT-VALUE}.")
  int queue;

  @Option(
      names = "--max-body-mb",
      paramLabel = "MB",
      defaultValue = "64",
      description = "Largest request, pictures included. Default: ${DEFAULT-VALUE}.")
  long bodyMegabytes;

  @Option(
      names = "--max-pixels",
      paramLabel = "N",
      defaultValue = "16777216",
      description = "Of an output, or a picture that is sent. Default: ${DEFAULT-VALUE}.")
  long pixels;

  @Option(
      names = "--max-frames",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Of a video. Default: ${DEFAULT-VALUE}.")
  int frames;

  @Option(
      names = "--max-steps",
      paramLabel = "N",
      defaultValue = "1000",
      description = "Denoising steps of a request. Default: ${DEFAULT-VALUE}.")
  int steps;

  @Option(
      names = "--api-key-file",
      paramLabel = "FILE",
      description =
          "Keys, one per line, of which requests must send one; also JDIT_API_KEY. Default: none is"
              + " needed.")
  Path keyFile;

  @Option(
      names = "--cors-origin",
      paramLabel = "ORIGIN",
      description = "A page's origin that may call, or *. Repeat it. Default: this server's only.")
  List<String> origins = new ArrayList<>();

  @Option(
      names = "--allow-urls",
      description = "Fetch pictures from public addresses that requests give.")
  boolean urls;

  @Option(
      names = "--shutdown-seconds",
      paramLabel = "S",
      defaultValue = "30",
      description =
          "Time that open requests get when the server is told to end. Default: ${DEFAULT-VALUE}.")
  int shutdownSeconds;

  /**
   * @throws IllegalArgumentException naming the option
   */
  ServerSettings settings() throws IOException {
    require("--port", port, 0);
    require("--keep-hours", keepHours, 1);
    require("--keep-mb", keepMegabytes, 1);
    require("--keep-count", keepCount, 1);
    require("--batching-max-size", most, 1);
    require("--batching-delay-ms", delay, 0);
    require("--max-queue", queue, 1);
    require("--max-body-mb", bodyMegabytes, 1);
    if (bodyMegabytes > LARGEST_BODY_MB) {
      throw new IllegalArgumentException(
          "--max-body-mb must be <= " + LARGEST_BODY_MB + ", got " + bodyMegabytes);
    }
    require("--max-pixels", pixels, 1);
    require("--max-frames", frames, 1);
    require("--max-steps", steps, 1);
    require("--shutdown-seconds", shutdownSeconds, 0);
    boolean kept = !outputPath.isEmpty();
    Path folder = kept ? Path.of(outputPath) : Files.createTempDirectory("jdit-serve-");
    return new ServerSettings(
        host,
        port,
        folder.toAbsolutePath(),
        kept,
        new TaskStore.Limits(Duration.ofHours(keepHours), keepMegabytes << 20, keepCount),
        new Batching(mode, most, delay),
        queue,
        new ServerSettings.Limits(bodyMegabytes << 20, pixels, frames, steps, IDLE),
        keys(),
        origins,
        urls);
  }

  private List<String> keys() throws IOException {
    List<String> keys = new ArrayList<>();
    if (keyFile != null) {
      Files.readAllLines(keyFile).stream()
          .map(String::strip)
          .filter(l -> !l.isEmpty() && !l.startsWith("#"))
          .forEach(keys::add);
      if (keys.isEmpty()) {
        throw new IllegalArgumentException("--api-key-file " + keyFile + " has no key in it");
      }
    }
    String variable = System.getenv("JDIT_API_KEY");
    if (variable != null && !variable.isBlank()) {
      keys.add(variable.strip());
    }
    return keys;
  }

  private static void require(String option, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "%s must be >= %d, got %d", option, least, value));
    }
  }
}
