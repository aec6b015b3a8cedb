package io.jdit.parallel;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/** Runs a command line on ranks, one process each, and ends all of them when one fails. */
public final class Launcher {
  /** Time in which failures of several ranks count as one: the first is looked for among them. */
  private static final long GATHER_MILLIS = 700;

  private static final long EXIT_SECONDS = 2;
  private static final long TERMINATE_SECONDS = 4;
  private static final long INTERRUPTED_SECONDS = 10;

  private final RankHosts hosts;
  private final Map<String, String> variables;
  private final List<LaunchedRank> ranks = new ArrayList<>();
  private final List<Thread> connections = new CopyOnWriteArrayList<>();
  private final Semaphore changes = new Semaphore(0);
  private final CompletableFuture<Integer> storePort = new CompletableFuture<>();
  private final List<PrintWriter> outs = new CopyOnWriteArrayList<>();
  private volatile boolean cancelled;
  private boolean signals = true;
  private BiConsumer<LaunchedRank, String> onStage = (rank, stage) -> {};
  private Consumer<RankFailure> onFailure;

  /**
   * @param variables further environment variables
   * @param err where the failure goes
   */
  public Launcher(RankHosts hosts, Map<String, String> variables, PrintStream err) {
    this.hosts = hosts;
    this.variables = Map.copyOf(variables);
    this.onFailure = failure -> err.println("jdit: " + failure.line());
  }

  /** Leaves it to the caller to end the ranks when this process is told to end. */
  public void ignoreSignals() {
    signals = false;
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
   * Starts the ranks and waits for all of them.
   *
   * @return 0, or the exit code of the rank that failed first
   * @throws InterruptedException when the thread is interrupted; the ranks were asked to end, and
   *     have
   */
  public int run() throws IOException, InterruptedException {
    Thread hook = new Thread(this::cancel, "jdit-launcher-signal");
    try (ServerSocket server = new ServerSocket(0, hosts.size(), hosts.address())) {
      Endpoint endpoint = Endpoint.of(server);
      accept(server, endpoint);
      if (signals) {
        Runtime.getRuntime().addShutdownHook(hook);
      }
      start(endpoint);
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

  private void start(Endpoint endpoint) throws IOException {
    Map<String, String> env = new HashMap<>(variables);
    env.put("WORLD_SIZE", Integer.toString(hosts.size()));
    env.put("MASTER_ADDR", hosts.address().getHostAddress());
    env.put("MASTER_PORT", "0");
    env.put(LauncherLink.VARIABLE, endpoint.toString());
    for (int r = 0; r < hosts.size(); r++) {
      env.put("RANK", Integer.toString(r));
      LaunchedRank rank;
      synchronized (ranks) { // a rank that speaks at once waits until it is known
        rank = hosts.start(r, env);
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
    outs.forEach(out -> out.println(LauncherLink.END));
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

  private void accept(ServerSocket server, Endpoint endpoint) {
    daemon(
        "jdit-launcher",
        () -> {
          while (true) {
            Socket socket = server.accept();
            connections.add(daemon("jdit-launcher-rank", () -> serve(socket, endpoint)));
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

  private void serve(Socket socket, Endpoint endpoint) throws IOException {
    try (socket;
        BufferedReader in =
            new BufferedReader(
                new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        PrintWriter out =
            new PrintWriter(
                new OutputStreamWriter(socket.getOutputStream(), StandardCharsets.UTF_8), true)) {
      int number = endpoint.greet(in, hosts.size());
      if (number < 0) {
        return;
      }
      outs.add(out);
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
