package io.jdit.parallel;

import java.util.Comparator;
import java.util.List;

/**
 * How a rank ended.
 *
 * @param stage what it was doing
 * @param exitCode 128 + n after signal n; of a process that lives on, 1
 * @param cause whether it failed by itself or because of another
 */
public record RankFailure(int rank, String stage, String message, int exitCode, Cause cause) {
  /** In the order in which they explain a broken run. */
  public enum Cause {
    /** Ended by a signal, or without a word. */
    KILLED,
    /** An error of its own. */
    OWN,
    /** Communication with another rank failed. */
    COLLECTIVE
  }

  private static final int SIGNALS = 128;
  private static final int SIGKILL = 9;

  /** The failure that explains the others: among equals the first that was reported. */
  static RankFailure first(List<RankFailure> failures) {
    return failures.stream().min(Comparator.comparing(RankFailure::cause)).orElseThrow();
  }

  /** A process that ended without saying why. */
  static RankFailure ended(int rank, String stage, int exitCode) {
    int signal = exitCode - SIGNALS;
    String message =
        signal == SIGKILL
            ? "killed by SIGKILL (by hand, or for lack of memory)"
            : signal > 0 ? "ended by signal " + signal : "ended with exit code " + exitCode;
    return new RankFailure(rank, stage, message, exitCode, signal > 0 ? Cause.KILLED : Cause.OWN);
  }

  /** One line for the user. */
  public String line() {
    return "rank " + rank + " failed in stage " + stage + ": " + message;
  }
}
