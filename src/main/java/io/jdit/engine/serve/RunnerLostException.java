package io.jdit.engine.serve;

/** What computes a model is gone, and with it every generation that it held. */
public final class RunnerLostException extends RuntimeException {
  public RunnerLostException(String message) {
    super(message);
  }
}
