package io.jdit.cache.forecast;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Chooses the steps that are computed: those with the least sum of squared errors in the final
 * latents and a price for each of them. Errors between two computed steps point the same way and
 * add up before they are squared; those of different gaps are taken as independent.
 *
 * <p>The error in a gap depends on the two computed steps before it alone, so the best continuation
 * of every pair is found exactly by dynamic programming.
 */
final class Planner {
  /** Steps computed at the start: two velocities are the least that a forecast is made from. */
  static final int FIRST = 2;

  /** A computed step comes at most so many steps after the one before it. */
  static final int FARTHEST = 8;

  /** A price at which no more is computed than must be. */
  static final double HIGHEST = 1e9;

  private final ErrorModel model;
  private final int steps;
  private double knownPrice = Double.NaN;
  private double[][] known;

  Planner(ErrorModel model) {
    this.model = model;
    this.steps = model.steps();
  }

  /**
   * The next step to compute.
   *
   * @param p step that was computed before {@code l}
   * @param l step that was computed last
   * @param from first step that is still open, above {@code l}
   * @return the number of steps when none is worth its price
   */
  int next(int p, int l, int from, double price) {
    double[][] values = values(price);
    double least = Double.POSITIVE_INFINITY;
    int best = from;
    for (int k = from; k <= Math.min(steps, l + FARTHEST); k++) {
      double value = value(p, l, k, price, values);
      if (value < least) {
        least = value;
        best = k;
      }
    }
    return best;
  }

  /** The least sum of what comes after l when k is computed next. */
  private double value(int p, int l, int k, double price, double[][] values) {
    double error = model.gap(p, l, k);
    return error * error + (k == steps ? 0 : price + values[l][k]);
  }

  /** [p][l]: the least sum of what comes after l. */
  private double[][] values(double price) {
    if (price == knownPrice) {
      return known;
    }
    double[][] values = new double[steps][steps];
    for (int l = steps - 1; l > 0; l--) {
      for (int p = 0; p < l; p++) {
        double least = Double.POSITIVE_INFINITY;
        for (int k = l + 1; k <= Math.min(steps, l + FARTHEST); k++) {
          least = Math.min(least, value(p, l, k, price, values));
        }
        values[p][l] = least;
      }
    }
    known = values;
    knownPrice = price;
    return values;
  }

  /** The steps that are computed when nothing is learned on the way. */
  List<Integer> schedule(double price) {
    List<Integer> computed = new ArrayList<>();
    for (int k = 0; k < Math.min(FIRST, steps); k++) {
      computed.add(k);
    }
    int p = 0;
    for (int l = 1; l < steps; ) {
      int next = next(p, l, l + 1, price);
      if (next < steps) {
        computed.add(next);
      }
      p = l;
      l = next;
    }
    return computed;
  }

  /**
   * The least price at which the experts of a model compute no more than a share of their steps, by
   * bisection.
   *
   * @param speedup all steps divided by the computed ones, at least 1
   * @throws IllegalArgumentException when no price is that high, naming the largest speed-up
   */
  static double price(Collection<Planner> experts, double speedup) {
    double low = 0;
    double high = HIGHEST;
    double largest = speedup(experts, high);
    if (largest < speedup) {
      throw new IllegalArgumentException(
          "a speed-up of %s is not possible: %s is the largest of %s steps"
              .formatted(
                  speedup,
                  Math.floor(100 * largest) / 100,
                  experts.stream().mapToInt(e -> e.steps).sum()));
    }
    if (speedup(experts, low) >= speedup) {
      return low;
    }
    for (double lowest = 1e-12; high / Math.max(low, lowest) > 1 + 1e-6; ) {
      double middle = Math.sqrt(Math.max(low, lowest) * high);
      if (speedup(experts, middle) >= speedup) {
        high = middle;
      } else {
        low = middle;
      }
    }
    return high;
  }

  static double speedup(Collection<Planner> experts, double price) {
    int steps = experts.stream().mapToInt(e -> e.steps).sum();
    return (double) steps / experts.stream().mapToInt(e -> e.schedule(price).size()).sum();
  }
}
