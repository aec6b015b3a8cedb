package io.jdit.engine.serve;

/** As many requests wait as may. */
public final class QueueFullException extends RuntimeException {
  private final long retrySeconds;

  QueueFullException(int waiting, long retrySeconds) {
    super(
        waiting
            + " requests are waiting, which is the limit; try again in about "
            + retrySeconds
            + " s");
    this.retrySeconds = retrySeconds;
  }

  /** After which one is likely to have ended. */
  public long retrySeconds() {
    return retrySeconds;
  }
}
