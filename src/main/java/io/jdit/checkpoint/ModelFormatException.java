package io.jdit.checkpoint;

/**
 * A model file does not have the form its format asks for. The message is one line that names the
 * file, what was found and what was expected.
 */
public final class ModelFormatException extends RuntimeException {
  public ModelFormatException(String message) {
    super(message);
  }
}
