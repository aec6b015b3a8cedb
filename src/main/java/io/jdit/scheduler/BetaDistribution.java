package io.jdit.scheduler;

/**
 * Quantiles of the beta distribution, for the sigmas of "Beta Sampling is All You Need" (arXiv
 * 2407.12173).
 */
final class BetaDistribution {
  private static final double TINY = 1e-300;

  private BetaDistribution() {}

  /**
   * The x with I_x(a, b) = p, by bisection: a handful of values per generation, exact to the last
   * bits of a double.
   */
  static double quantile(double p, double a, double b) {
    if (p <= 0) {
      return 0;
    }
    if (p >= 1) {
      return 1;
    }
    double low = 0;
    double high = 1;
    for (int i = 0; i < 1100 && low < high; i++) {
      double mid = (low + high) / 2;
      if (mid == low || mid == high) {
        break;
      }
      if (cdf(mid, a, b) < p) {
        low = mid;
      } else {
        high = mid;
      }
    }
    return (low + high) / 2;
  }

  /** Regularised incomplete beta function I_x(a, b). */
  static double cdf(double x, double a, double b) {
    double front =
        Math.exp(
            logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
    // The continued fraction converges fast below the mean; the symmetry I_x(a, b) = 1 - I_{1-x}(b,
    // a) gives the rest.
    return x < (a + 1) / (a + b + 2)
        ? front * fraction(x, a, b) / a
        : 1 - front * fraction(1 - x, b, a) / b;
  }

  /**
   * Continued fraction of the incomplete beta function (DLMF 8.17.22), by the modified Lentz
   * algorithm.
   */
  private static double fraction(double x, double a, double b) {
    double c = 1;
    double d = 1 / nonZero(1 - (a + b) * x / (a + 1));
    double h = d;
    for (int m = 1; m < 500; m++) {
      double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1 / nonZero(1 + even * d);
      c = nonZero(1 + even / c);
      h *= d * c;
      double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
      d = 1 / nonZero(1 + odd * d);
      c = nonZero(1 + odd / c);
      double delta = d * c;
      h *= delta;
      if (Math.abs(delta - 1) < 1e-16) {
        break;
      }
    }
    return h;
  }

  private static double nonZero(double v) {
    return Math.abs(v) < TINY ? TINY : v;
  }

  /** Stirling's series (DLMF 5.11.1) after shifting the argument above 10. */
  private static double logGamma(double x) {
    double shift = 0;
    while (x < 10) {
      shift += Math.log(x);
      x += 1;
    }
    double r = 1 / (x * x);
    double series =
        1 / x * (1.0 / 12 - r * (1.0 / 360 - r * (1.0 / 1260 - r * (1.0 / 1680 - r / 1188))));
    return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series - shift;
  }
}
