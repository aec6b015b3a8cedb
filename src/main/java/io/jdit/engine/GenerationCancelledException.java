package io.jdit.engine;

/** The thread that asked for a generation was interrupted; nothing of it is left. */
public final class GenerationCancelledException extends RuntimeException {
  public GenerationCancelledException() {
    super("generation cancelled");
  }
}
