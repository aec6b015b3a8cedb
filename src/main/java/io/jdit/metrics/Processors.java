package io.jdit.metrics;

import java.util.OptionalInt;

/** How many processors this process may keep busy. */
public final class Processors {
  private Processors() {}

  /** The cores that it may run on, no more than the quota of its control groups allows. */
  public static int allowed() {
    int cores = Runtime.getRuntime().availableProcessors();
    return Math.min(cores, limit().orElse(cores));
  }

  /** What the quota of its control groups allows; empty without one. */
  public static OptionalInt limit() {
    return limit(ControlGroup.ofProcess());
  }

  /** A part of a processor counts as one. */
  static OptionalInt limit(ControlGroup group) {
    return group.processors().isPresent()
        ? OptionalInt.of((int) Math.max(1, Math.ceil(group.processors().getAsDouble())))
        : OptionalInt.empty();
  }
}
