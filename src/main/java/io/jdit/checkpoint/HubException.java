package io.jdit.checkpoint;

/**
 * A model could not be had from the Hugging Face cache or hub. The message is one line that says
 * why and what to do.
 */
public final class HubException extends RuntimeException {
  public HubException(String message) {
    super(message);
  }
}
