package io.jdit.parallel;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** A worker process of the launcher. */
public final class LaunchedRank {
  private static final long MILLIS_TO_DRAIN = 2000;

  private final int rank;
  private final Process process;
  private final Thread pump; // null where it inherits the outputs
  private volatile String stage = "start";
  private volatile RankFailure reported;

  private LaunchedRank(int rank, Process process, Thread pump) {
    this.rank = rank;
    this.process = process;
    this.pump = pump;
  }

  /** A rank whose process prints to where it was started. */
  static LaunchedRank of(int rank, Process process) {
    return new LaunchedRank(rank, process, null);
  }

  /**
   * Starts a rank. Rank 0 takes over this process's input and outputs; whole lines of the others
   * come to {@code err} with the rank before them.
   */
  static LaunchedRank start(
      int rank, List<String> command, Map<String, String> variables, PrintStream err)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(variables);
    if (rank == 0) {
      return of(rank, builder.inheritIO().start());
    }
    builder.redirectInput(Redirect.from(new File("/dev/null"))).redirectErrorStream(true);
    Process process = builder.start();
    Thread pump =
        new Thread(() -> forward("[rank " + rank + "] ", process, err), "jdit-output-" + rank);
    pump.setDaemon(true);
    pump.start();
    return new LaunchedRank(rank, process, pump);
  }

  private static void forward(String prefix, Process process, PrintStream to) {
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        to.println(prefix + line);
      }
    } catch (IOException e) {
      // The process was killed in the middle of a line.
    }
  }

  Process process() {
    return process;
  }

  int rank() {
    return rank;
  }

  boolean running() {
    return process.isAlive();
  }

  /** Waits until everything that the ended process printed has been passed on. */
  void drain() throws InterruptedException {
    if (pump != null) {
      pump.join(MILLIS_TO_DRAIN);
    }
  }

  void enter(String name) {
    stage = name;
  }

  /** Notes what the rank said of its own failure. */
  void report(String kindAndMessage) {
    boolean collective = kindAndMessage.startsWith("collective ");
    reported =
        new RankFailure(
            rank,
            stage,
            kindAndMessage.substring(kindAndMessage.indexOf(' ') + 1),
            1,
            collective ? RankFailure.Cause.COLLECTIVE : RankFailure.Cause.OWN);
  }

  /** How it failed; null while it runs without having failed, or when it ended well. */
  RankFailure failure() {
    RankFailure said = reported;
    if (running()) {
      return said;
    }
    int code = process.exitValue();
    if (said != null) {
      return new RankFailure(
          rank, said.stage(), said.message(), code == 0 ? 1 : code, said.cause());
    }
    return code == 0 ? null : RankFailure.ended(rank, stage, code);
  }
}
