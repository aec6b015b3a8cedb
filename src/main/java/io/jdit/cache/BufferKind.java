package io.jdit.cache;

import java.util.Locale;

/** What is buffered of the skipped blocks. */
public enum BufferKind {
  /** What they add to the stream. */
  RESIDUAL,
  /** The stream after them. */
  HIDDEN_STATES;

  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
