package io.jdit.parallel;

import io.jdit.metrics.Processors;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Runs a command line on N ranks of this host, one process each, and ends all of them when one
 * fails.
 */
public final class Launcher {
  /** Time in which failures of several ranks count as one: the first is looked for among them. */
  private static final long GATHER_MILLIS = 700;

  private static final long EXIT_SECONDS = 2;
  private static final long TERMINATE_SECONDS = 4;
  private static final long INTERRUPTED_SECONDS = 10;

  private final List<String> command;
  private final int size;
  private final Map<String, String> variables;
  private final PrintStream err;
  private final String token = token();
  private final List<LaunchedRank> ranks = new ArrayList<>();
  private final List<Thread> connections = new CopyOnWriteArrayList<>();
  private final Semaphore changes = new Semaphore(0);
  private final CompletableFuture<Integer> storePort = new CompletableFuture<>();
  private volatile boolean cancelled;
  private CoreShares cores = new CoreShares(List.of());
  private BiConsumer<LaunchedRank, String> onStage = (rank, stage) -> {};
  private Consumer<RankFailure> onFailure;

  /**
   * @param command program and arguments of every rank
   * @param variables further environment variables
   * @param err where lines of ranks above 0 and the failure go
   */
  public Launcher(List<String> command, int size, Map<String, String> variables, PrintStream err) {
    if (size < 1) {
      throw new IllegalArgumentException("the number of ranks must be >= 1, got " + size);
    }
    this.command = List.copyOf(command);
    this.size = size;
    this.variables = Map.copyOf(variables);
    this.err = err;
    this.onFailure = failure -> err.println("jdit: " + failure.line());
  }

  /** From a generator that never waits for entropy. */
  private static String token() {
    byte[] bytes = new byte[16];
    new SecureRandom().nextBytes(bytes);
    return HexFormat.of().formatHex(bytes);
  }

  /**
   * Gives each rank cores of its own, where there are enough: for ranks that compute on the CPU.
   */
  public void shareCores() {
    cores = CoreShares.here();
  }

  /** Is told which rank failed first, in place of a line to the user. */
  public void onFailure(Consumer<RankFailure> observer) {
    onFailure = observer;
  }

  /** Is told whenever a rank enters a stage. */
  void onStage(BiConsumer<LaunchedRank, String> observer) {
    onStage = observer;
  }

  /**
   * The command that runs {@code mainClass} in a JVM like this one. The class path of an
   * installation is by a descriptor of this process, which a rank does not have; its class data
   * archive holds for that class path only.
   */
  public static List<String> sameJvm(String mainClass, List<String> arguments) {
    String given = System.getProperty("java.class.path");
    String real =
        Stream.of(given.split(File.pathSeparator))
            .map(Launcher::withoutDescriptor)
            .collect(Collectors.joining(File.pathSeparator));
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    if (!real.equals(given)) {
      command.removeIf(option -> option.startsWith("-XX:SharedArchiveFile"));
    }
    command.add("-cp");
    command.add(real);
    command.add(mainClass);
    command.addAll(arguments);
    return command;
  }

  private static String withoutDescriptor(String entry) {
    try {
      return entry.startsWith("/proc/self/") ? Path.of(entry).toRealPath().toString() : entry;
    } catch (IOException e) {
      return entry;
    }
  }

  /**
   * Starts the ranks and waits for all of them.
   *
   * @return 0, or the exit code of the rank that failed first
   * @throws InterruptedException when the thread is interrupted; the ranks were asked to end, and
   *     have
   */
  public int run() throws IOException, InterruptedException {
    Thread hook = new Thread(this::cancel, "jdit-launcher-signal");
    try (ServerSocket server = new ServerSocket(0, size, InetAddress.getLoopbackAddress())) {
      accept(server);
      Runtime.getRuntime().addShutdownHook(hook);
      start(server.getLocalPort());
      RankFailure failure = waitForEnd();
      for (LaunchedRank rank : snapshot()) {
        if (!rank.running()) {
          rank.drain();
        }
      }
      for (Thread connection : failure == null ? connections : List.<Thread>of()) {
        connection.join(TimeUnit.SECONDS.toMillis(EXIT_SECONDS)); // until all results are printed
      }
      if (failure != null && !cancelled) {
        onFailure.accept(failure);
        return failure.exitCode();
      }
      return failure == null ? 0 : failure.exitCode();
    } catch (InterruptedException e) {
      cancelled = true;
      throw e;
    } finally {
      terminate(cancelled ? INTERRUPTED_SECONDS : TERMINATE_SECONDS);
      removeHook(hook);
    }
  }

  private static void removeHook(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The process is ending already.
    }
  }

  private void start(int port) throws IOException {
    Map<String, String> env = new TreeMap<>(variables);
    env.put("WORLD_SIZE", Integer.toString(size));
    env.put("LOCAL_WORLD_SIZE", Integer.toString(size));
    env.put("MASTER_ADDR", InetAddress.getLoopbackAddress().getHostAddress());
    env.put("MASTER_PORT", "0");
    env.put(LauncherLink.VARIABLE, port + ":" + token);
    if (System.getenv("OMP_NUM_THREADS") == null) {
      int share = Processors.allowed() / size;
      env.putIfAbsent("OMP_NUM_THREADS", Integer.toString(Math.max(1, share)));
    }
    for (int r = 0; r < size; r++) {
      env.put("RANK", Integer.toString(r));
      env.put("LOCAL_RANK", Integer.toString(r));
      List<String> placed = new ArrayList<>(cores.prefix(r, size));
      placed.addAll(command);
      LaunchedRank rank;
      synchronized (ranks) { // a rank that speaks at once waits until it is known
        rank = LaunchedRank.start(r, placed, env, err);
        ranks.add(rank);
      }
      rank.process().onExit().thenRun(changes::release);
    }
  }

  /** Waits until all have ended, or one has failed; then names the first failure. */
  private RankFailure waitForEnd() throws InterruptedException {
    while (true) {
      changes.acquire();
      if (!failures().isEmpty()) {
        Thread.sleep(GATHER_MILLIS);
        RankFailure first = RankFailure.first(failures());
        LaunchedRank culprit = snapshot().get(first.rank());
        // A rank that reported its failure is about to end: its exit code says more than none.
        culprit.process().waitFor(EXIT_SECONDS, TimeUnit.SECONDS);
        return withSilentRanks(culprit.failure());
      }
      if (snapshot().stream().noneMatch(LaunchedRank::running)) {
        return null;
      }
    }
  }

  /** When communication failed everywhere, the ranks that reported nothing are the suspects. */
  private RankFailure withSilentRanks(RankFailure f) {
    List<Integer> silent =
        snapshot().stream()
            .filter(r -> r.running() && r.failure() == null)
            .map(LaunchedRank::rank)
            .toList();
    if (f.cause() != RankFailure.Cause.COLLECTIVE || silent.isEmpty()) {
      return f;
    }
    return new RankFailure(
        f.rank(),
        f.stage(),
        f.message() + "; ranks without an answer: " + silent,
        f.exitCode(),
        f.cause());
  }

  private List<RankFailure> failures() {
    return snapshot().stream().map(LaunchedRank::failure).filter(Objects::nonNull).toList();
  }

  private List<LaunchedRank> snapshot() {
    synchronized (ranks) {
      return List.copyOf(ranks);
    }
  }

  /** Ctrl-C or SIGTERM of this process: passed on, and waited for. */
  private void cancel() {
    cancelled = true;
    terminate(INTERRUPTED_SECONDS);
  }

  private void terminate(long seconds) {
    List<LaunchedRank> running = snapshot().stream().filter(LaunchedRank::running).toList();
    running.forEach(r -> r.process().destroy());
    long limit = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    for (LaunchedRank r : running) {
      try {
        if (!r.process().waitFor(limit - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          r.process().destroyForcibly().waitFor();
        }
      } catch (InterruptedException e) {
        r.process().destroyForcibly();
        Thread.currentThread().interrupt();
      }
    }
  }

  private void accept(ServerSocket server) {
    daemon(
        "jdit-launcher",
        () -> {
          while (true) {
            Socket socket = server.accept();
            connections.add(daemon("jdit-launcher-rank", () -> serve(socket)));
          }
        });
  }

  /** A thread's work that ends with the connection it serves. */
  private interface Serving {
    void run() throws IOException;
  }

  private static Thread daemon(String name, Serving work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException e) {
                // The connection is closed: the process behind it has ended, or the run is over.
              }
            },
            name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private void serve(Socket socket) throws IOException {
    try (socket;
        BufferedReader in =
            new BufferedReader(
                new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        PrintWriter out =
            new PrintWriter(
                new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8), true)) {
      String hello = in.readLine();
      if (hello == null || !hello.startsWith(LauncherLink.HELLO + token + " ")) {
        return;
      }
      int number = Integer.parseInt(hello.substring(hello.lastIndexOf(' ') + 1));
      storePort.thenAccept(port -> out.println(LauncherLink.PORT + port));
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        hear(number, line);
      }
    }
  }

  private void hear(int number, String line) {
    if (line.startsWith(LauncherLink.SERVING)) {
      storePort.complete(Integer.parseInt(line.substring(LauncherLink.SERVING.length())));
      return;
    }
    LaunchedRank rank;
    synchronized (ranks) {
      rank = ranks.get(number);
    }
    if (line.startsWith(LauncherLink.STAGE)) {
      String stage = line.substring(LauncherLink.STAGE.length());
      rank.enter(stage);
      onStage.accept(rank, stage);
    } else if (line.startsWith(LauncherLink.RESULT)) {
      System.out.println(line.substring(LauncherLink.RESULT.length()));
    } else if (line.startsWith(LauncherLink.FAILED)) {
      rank.report(line.substring(LauncherLink.FAILED.length()));
      changes.release();
    }
  }
}
