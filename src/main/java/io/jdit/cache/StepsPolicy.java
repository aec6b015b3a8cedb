package io.jdit.cache;

/** What a 0 in a step mask means. */
public enum StepsPolicy {
  /** The step may be cached: thresholds and limits decide. */
  DYNAMIC,
  /** The step is cached, whatever the difference. */
  STATIC
}
