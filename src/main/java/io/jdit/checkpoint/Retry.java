package io.jdit.checkpoint;

import java.io.IOException;
import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Tries a request again when the connection breaks or the hub is busy, with doubled pauses in
 * between.
 *
 * @param firstPause pause after the first failure
 * @param failures how many failures in a row, without a byte of progress between them, end it
 */
record Retry(Duration firstPause, int failures) {
  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(60);

  /** One try. */
  interface Attempt<T> {
    T run() throws IOException, InterruptedException;
  }

  <T> T call(String what, Attempt<T> attempt) throws InterruptedException {
    return call(what, attempt, () -> 0);
  }

  /**
   * @param position number that grows while an attempt makes progress
   */
  <T> T call(String what, Attempt<T> attempt, LongSupplier position) throws InterruptedException {
    long reached = position.getAsLong();
    Duration pause = firstPause;
    for (int failed = 1; ; failed++) {
      try {
        return attempt.run();
      } catch (IOException e) {
        // The HTTP client wraps an interruption of a read.
        if (Thread.currentThread().isInterrupted()
            || e.getCause() instanceof InterruptedException) {
          throw new InterruptedException("interrupted: " + what);
        }
        if (position.getAsLong() > reached) {
          reached = position.getAsLong();
          failed = 1;
          pause = firstPause;
        }
        if (failed >= failures) {
          throw new HubException(
              what
                  + " failed "
                  + failed
                  + " times, the last time with: "
                  + reason(e)
                  + "; check the network, HTTPS_PROXY and HF_ENDPOINT, or give a local folder");
        }
        Duration least = e instanceof HubClient.Busy busy ? busy.retryAfter() : Duration.ZERO;
        Duration next = pause.compareTo(least) > 0 ? pause : least;
        Thread.sleep((next.compareTo(LONGEST_PAUSE) < 0 ? next : LONGEST_PAUSE).toMillis());
        pause = pause.multipliedBy(2);
      }
    }
  }

  private static String reason(IOException e) {
    String message =
        e.getMessage() == null ? "" : ": " + e.getMessage().lines().findFirst().orElse("");
    return e.getClass().getSimpleName() + message;
  }
}
