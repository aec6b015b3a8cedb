package io.jdit.engine.serve;

import java.util.Locale;

/** The life of a request, in OpenAI's words for video jobs. */
public enum TaskState {
  QUEUED,
  IN_PROGRESS,
  /** Was told to stop, and will at its next step. */
  CANCELLING,
  COMPLETED,
  FAILED,
  CANCELLED;

  public boolean ended() {
    return this == COMPLETED || this == FAILED || this == CANCELLED;
  }

  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  static TaskState of(String text) {
    return valueOf(text.toUpperCase(Locale.ROOT));
  }
}
