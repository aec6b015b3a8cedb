package io.jdit.metrics;

import java.util.Arrays;

/**
 * A value that all but a share of a population exceeds, by a sample of it, whatever the
 * distribution: the r-th smallest of n values is below the quantile when at least r of them are,
 * and their number is binomial.
 *
 * @param share of the population that may be below {@code value}
 * @param value one of the sample
 * @param confidence that the share is not larger
 */
public record QuantileBound(double share, double value, double confidence) {
  /** Values that a sample needs for a bound of a share with a confidence. */
  public static int least(double share, double confidence) {
    return (int) Math.ceil(Math.log1p(-confidence) / Math.log1p(-share));
  }

  /**
   * The largest value with at least the wanted confidence; the smallest of the sample with its own
   * confidence where even that has less.
   *
   * @throws IllegalArgumentException for an empty sample
   */
  public static QuantileBound of(double[] sample, double share, double wanted) {
    if (sample.length == 0) {
      throw new IllegalArgumentException("a quantile of no values");
    }
    double[] sorted = sample.clone();
    Arrays.sort(sorted);
    int n = sorted.length;
    double probability = Math.exp(n * Math.log1p(-share)); // of none below the quantile
    double above = 1 - probability;
    int rank = 1;
    double confidence = above;
    while (rank < n) {
      probability *= (n - rank + 1) * share / (rank * (1 - share));
      above -= probability;
      if (above < wanted) {
        break;
      }
      rank++;
      confidence = above;
    }
    return new QuantileBound(share, sorted[rank - 1], confidence);
  }
}
