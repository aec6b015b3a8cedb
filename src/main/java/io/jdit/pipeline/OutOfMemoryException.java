package io.jdit.pipeline;

/**
 * A model or a picture does not fit into the memory that is free. The message is one line and names
 * the way out.
 */
public final class OutOfMemoryException extends RuntimeException {
  public OutOfMemoryException(String message) {
    super(message);
  }
}
