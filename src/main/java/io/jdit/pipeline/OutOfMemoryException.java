package io.jdit.pipeline;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model or a picture does not fit into the memory that is free. The message is one line and names
 * the way out.
 */
public final class OutOfMemoryException extends RuntimeException {
  /** What LibTorch's allocators say, for host memory and for a GPU's. */
  private static final Pattern ALLOCATION =
      Pattern.compile(
          "(?:can't allocate memory|CUDA out of memory)"
              + "(?:.*?tried to allocate ([0-9.]+ ?(?:bytes|[KMGT]iB)))?",
          Pattern.CASE_INSENSITIVE);

  public OutOfMemoryException(String message) {
    super(message);
  }

  private OutOfMemoryException(String message, Throwable cause) {
    super(message, cause);
  }

  /**
   * {@code failure} itself, or its translation when LibTorch could not allocate.
   *
   * @param what did not fit
   * @param wayOut what to try
   */
  public static RuntimeException translate(RuntimeException failure, String what, String wayOut) {
    Matcher m = ALLOCATION.matcher(String.valueOf(failure.getMessage()));
    if (!m.find()) {
      return failure;
    }
    String size = m.group(1) == null ? "what it takes" : m.group(1);
    return new OutOfMemoryException(
        "not enough memory for " + what + ": LibTorch could not allocate " + size + "; " + wayOut,
        failure);
  }
}
