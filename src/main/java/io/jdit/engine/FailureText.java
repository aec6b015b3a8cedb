package io.jdit.engine;

/** What is said of a failure in one line. */
public final class FailureText {
  private FailureText() {}

  /** The first line of the message: LibTorch appends a native stack. */
  public static String of(Throwable failure) {
    String message = failure.getMessage();
    if (message == null || message.isBlank()) {
      return failure.getClass().getSimpleName();
    }
    String first = message.lines().findFirst().orElse("").strip();
    boolean ours =
        failure.getClass().getName().startsWith("io.jdit")
            || failure.getClass().getName().startsWith("picocli")
            || failure instanceof IllegalArgumentException;
    return ours ? first : failure.getClass().getSimpleName() + ": " + first;
  }
}
