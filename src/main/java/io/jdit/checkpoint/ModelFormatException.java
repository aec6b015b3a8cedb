package io.jdit.checkpoint;

/**
 * A model file or folder is broken, incomplete or of an unknown kind. The message is one line for
 * the user.
 */
public final class ModelFormatException extends RuntimeException {
  public ModelFormatException(String message) {
    super(message);
  }

  public ModelFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
