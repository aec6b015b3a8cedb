package io.jdit.cache;

import io.jdit.transformer.Acceleration;
import java.util.Collection;
import java.util.List;

/** The cache of one generation on one expert, and what it did, which stays readable when closed. */
public interface StepCache extends Acceleration {
  /** The caches among the accelerations of a generation. */
  static List<StepCache> among(Collection<Acceleration> accelerations) {
    return accelerations.stream()
        .filter(StepCache.class::isInstance)
        .map(StepCache.class::cast)
        .toList();
  }

  /** Component that computes, for example {@code transformer}. */
  String expert();

  /** Bytes that the buffers hold, or held when they were freed, where they are largest. */
  long peakBytes();

  /** What each part of the expert that is cached by itself did. */
  List<CacheStatistics> statistics();

  /**
   * What the user should know: of the settings from the beginning, of what came of them once this
   * is closed.
   */
  List<String> notes();
}
