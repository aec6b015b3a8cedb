package io.jdit.cache;

/** What is buffered of the skipped blocks. */
public enum BufferKind {
  /** What they add to the stream. */
  RESIDUAL,
  /** The stream after them. */
  HIDDEN_STATES
}
