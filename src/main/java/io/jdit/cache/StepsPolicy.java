package io.jdit.cache;

import java.util.Locale;

/** What a 0 in a step mask means. */
public enum StepsPolicy {
  /** The step may be cached: thresholds and limits decide. */
  DYNAMIC,
  /** The step is cached, whatever the difference. */
  STATIC;

  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }
}
