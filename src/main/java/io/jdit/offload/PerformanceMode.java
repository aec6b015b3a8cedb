package io.jdit.offload;

/** What is decided about components that nothing is said of. */
public enum PerformanceMode {
  /** As much stays in memory as fits. */
  AUTO,
  /** Everything stays in memory. */
  SPEED,
  /** As little as possible is in memory. */
  MEMORY
}
