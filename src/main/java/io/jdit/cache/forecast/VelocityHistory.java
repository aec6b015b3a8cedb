package io.jdit.cache.forecast;

import io.jdit.cache.CacheStatistics;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Forecast;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The last two computed velocities of a guidance branch, and what was recorded of it. */
final class VelocityHistory {
  private final List<Integer> cachedSteps = new ArrayList<>();
  private final Map<Integer, List<Double>> errors = new LinkedHashMap<>();
  private Tensor last;
  private Tensor previous;
  private int lastStep;
  private int previousStep;

  /** Keeps a copy of {@code velocity} as the last one. */
  void add(int step, Tensor velocity) {
    if (previous != null) {
      previous.close();
    }
    previous = last;
    previousStep = lastStep;
    try (TensorScope scope = TensorScope.open()) {
      last = TensorScope.detach(scope.keep(velocity.copy()));
    }
    lastStep = step;
  }

  /** Whether there are two to forecast from. */
  boolean isFull() {
    return previous != null;
  }

  int lastStep() {
    return lastStep;
  }

  int previousStep() {
    return previousStep;
  }

  /** The last velocity and {@code slope} times the way to it from the one before. */
  Forecast extrapolated(double slope) {
    return new Forecast(List.of(last, previous), List.of(1 + slope, -slope));
  }

  /**
   * What is taken in place of a computed velocity so that the step moves the latents by {@code
   * correction} times what the velocity is off the forecast, besides.
   *
   * @param width of the step, as the scheduler moves the latents by it
   */
  Forecast corrected(Tensor velocity, double slope, double correction, double width) {
    double share = correction / width;
    return new Forecast(
        List.of(velocity, last, previous), List.of(1 + share, -share * (1 + slope), share * slope));
  }

  /** Steps that were forecast; the cache adds to it. */
  List<Integer> cachedSteps() {
    return cachedSteps;
  }

  /** RMS error of the forecast of a computed step, relative to the velocity; the cache adds. */
  Map<Integer, List<Double>> errors() {
    return errors;
  }

  long bytes() {
    return (last == null ? 0 : last.bytes()) + (previous == null ? 0 : previous.bytes());
  }

  CacheStatistics.Branch statistics() {
    return new CacheStatistics.Branch(
        cachedSteps, errors, cachedSteps.size(), List.of(), List.of());
  }

  void close() {
    if (last != null) {
      last.close();
    }
    if (previous != null) {
      previous.close();
    }
  }
}
