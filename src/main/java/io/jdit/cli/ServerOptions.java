package io.jdit.cli;

import io.jdit.engine.serve.Batching;
import io.jdit.engine.serve.TaskStore;
import io.jdit.server.RequestLog;
import io.jdit.server.ServerSettings;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How a server listens, queues, keeps and limits. */
final class ServerOptions {
  private static final int PORT_STEP = 42;
  private static final int LAST_PORT = 65_535;

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
      description =
          "Default: ${DEFAULT-VALUE}; 0 takes any free one. Where it is in use, the next free one"
              + " in steps of 42 is taken, and said.")
  int port;

  @Option(names = "--strict-ports", description = "End where --port is in use.")
  boolean strictPorts;

  @Option(
      names = "--output-path",
      paramLabel = "DIR",
      defaultValue = "outputs",
      description =
          "Folder of results and of the records that outlive a restart; empty: results come in"
              + " answers only. Default: ${DEFAULT-VALUE}.")
  String outputPath;

  @Option(
      names = "--input-save-path",
      paramLabel = "DIR",
      description =
          "Folder of pictures that requests bring, kept as long as the results; empty: a temporary"
              + " one. Default: the folder of results.")
  String inputPath;

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

  @Mixin private LimitOptions limits;

  @Option(
      names = "--conditioning-cache-max-size-mb",
      paramLabel = "MB",
      defaultValue = "512",
      description =
          "Encoded texts and pictures of each model that are kept for when they come again."
              + " Default: ${DEFAULT-VALUE}.")
  long conditioningMegabytes;

  @Option(
      names = "--disable-conditioning-cache",
      description = "Encode texts and pictures every time.")
  boolean noConditioning;

  @Option(
      names = "--log-requests",
      arity = "0..1",
      fallbackValue = "true",
      defaultValue = "true",
      paramLabel = "BOOL",
      description = "A line for each request that is accepted or ends. Default: ${DEFAULT-VALUE}.")
  boolean logRequests;

  @Option(
      names = "--log-requests-format",
      paramLabel = "FORMAT",
      defaultValue = "text",
      description = "text or json. Default: ${DEFAULT-VALUE}.")
  String logFormat;

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

  /** Bytes of {@code --conditioning-cache-max-size-mb}. */
  long conditioningBytes() {
    require("--conditioning-cache-max-size-mb", conditioningMegabytes, 0);
    return noConditioning ? 0 : conditioningMegabytes << 20;
  }

  /**
   * @param notes takes a line where another port is taken
   * @throws IllegalArgumentException naming the option
   */
  ServerSettings settings(Consumer<String> notes) throws IOException {
    conditioningBytes();
    require("--port", port, 0);
    require("--keep-hours", keepHours, 1);
    require("--keep-mb", keepMegabytes, 1);
    require("--keep-count", keepCount, 1);
    require("--batching-max-size", most, 1);
    require("--batching-delay-ms", delay, 0);
    require("--shutdown-seconds", shutdownSeconds, 0);
    boolean kept = !outputPath.isEmpty();
    Path folder = kept ? Path.of(outputPath) : Files.createTempDirectory("jdit-serve-");
    Path inputs =
        inputPath == null
            ? folder
            : inputPath.isEmpty()
                ? Files.createTempDirectory("jdit-serve-inputs-")
                : Path.of(inputPath);
    return new ServerSettings(
        host,
        freePort(notes),
        folder.toAbsolutePath(),
        inputs.toAbsolutePath(),
        kept,
        new TaskStore.Limits(Duration.ofHours(keepHours), keepMegabytes << 20, keepCount),
        new Batching(mode, most, delay),
        limits.queue(),
        limits.limits(),
        keys(),
        origins,
        urls,
        log());
  }

  private RequestLog log() {
    RequestLog format =
        switch (logFormat) {
          case "text" -> RequestLog.TEXT;
          case "json" -> RequestLog.JSON;
          default ->
              throw new IllegalArgumentException(
                  "--log-requests-format: expected text or json, found '" + logFormat + "'");
        };
    return logRequests ? format : RequestLog.OFF;
  }

  /** As the reference does it; what is wrong with an address is said when it is listened on. */
  private int freePort(Consumer<String> notes) {
    int free = port;
    while (!strictPorts && port != 0 && isTaken(free) && free + PORT_STEP <= LAST_PORT) {
      free += PORT_STEP;
    }
    if (free != port) {
      notes.accept("port " + port + " is in use: taking " + free);
    }
    return free;
  }

  private boolean isTaken(int candidate) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress(host, candidate));
      return false;
    } catch (IOException | IllegalArgumentException e) {
      return e instanceof BindException && e.getMessage().contains("in use");
    }
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

  static void require(String option, long value, long least) {
    if (value < least) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "%s must be >= %d, got %d", option, least, value));
    }
  }
}
