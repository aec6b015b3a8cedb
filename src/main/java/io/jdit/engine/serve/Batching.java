package io.jdit.engine.serve;

import java.util.Locale;

/**
 * How requests share a model.
 *
 * @param most generations at a time
 * @param delayMillis how long {@link Mode#DYNAMIC} waits for more of a kind
 */
public record Batching(Mode mode, int most, int delayMillis) {
  /** When a request may join others. */
  public enum Mode {
    /** One after the other. */
    OFF,
    /** Together from the first step to the last. */
    DYNAMIC,
    /** Between any two steps. */
    CONTINUOUS;

    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public Batching {
    if (most < 1 || delayMillis < 0) {
      throw new IllegalArgumentException("at least one request at a time, got " + most);
    }
  }

  int active() {
    return mode == Mode.OFF ? 1 : most;
  }
}
