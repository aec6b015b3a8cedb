package io.jdit.metrics;

import java.util.function.Supplier;

/**
 * Work that falls into a measured time but is no part of what is measured, for example choosing a
 * kernel by timing several. {@link StageReport} leaves it out of stages and steps.
 */
public final class Unmeasured {
  private static final ThreadLocal<Long> NANOSECONDS = ThreadLocal.withInitial(() -> 0L);

  private Unmeasured() {}

  /** Does {@code work}, which must not do unmeasured work itself. */
  public static <T> T run(Supplier<T> work) {
    long start = System.nanoTime();
    try {
      return work.get();
    } finally {
      NANOSECONDS.set(NANOSECONDS.get() + System.nanoTime() - start);
    }
  }

  /** {@link System#nanoTime} of a clock of this thread that stands still meanwhile. */
  public static long clock() {
    return System.nanoTime() - NANOSECONDS.get();
  }
}
