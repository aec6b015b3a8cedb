package io.jdit.parallel;

/**
 * Communication failed on this rank. Usually the cause lies elsewhere: another rank ended, hangs,
 * or called something else.
 */
public final class CollectiveException extends RuntimeException {
  public CollectiveException(String message, Throwable cause) {
    super(message, cause);
  }

  public CollectiveException(String message) {
    super(message);
  }
}
