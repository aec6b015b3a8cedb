package io.jdit.cache.forecast;

/**
 * What is to be expected of forecasts on one expert. A velocity f at step k is forecast from the
 * last two that were computed, at steps l and p before it, as
 *
 * <pre>f[l] + w (f[l] - f[p]),   w = &lt;f[k]-f[l], f[l]-f[p]&gt; / (|f[l]-f[p]|^2 + n^2)</pre>
 *
 * <p>with the slope w that had the least error on the calibration's runs, damped by n.
 */
final class ErrorModel {
  /** n: RMS of the noise that slopes are damped by; velocities have an RMS of about 1. */
  private static final double DAMPING = 0.1;

  /** Stands for p where only one velocity was computed. */
  static final int NONE = -1;

  private final ExpertProfile profile;
  private final GramMatrix gram;
  private final double[][][] costs;

  ErrorModel(ExpertProfile profile) {
    this.profile = profile;
    this.gram = profile.gram();
    this.costs = new double[gram.steps()][][];
  }

  int steps() {
    return gram.steps();
  }

  /** Whether a step stands at this place of the calibrated ladder, up to a share of its width. */
  boolean fits(int step, double sigma, double tolerance) {
    double[] sigmas = profile.sigmas();
    return step < steps()
        && Math.abs(sigma - sigmas[step]) <= tolerance * Math.abs(sigmas[step + 1] - sigmas[step]);
  }

  /** w of a branch. */
  double slope(int branch, int k, int l, int p) {
    if (p == NONE) {
      return 0;
    }
    double rise =
        product(branch, k, l)
            - product(branch, k, p)
            - product(branch, l, l)
            + product(branch, l, p);
    double run = product(branch, l, l) - 2 * product(branch, l, p) + product(branch, p, p);
    return rise / (run + DAMPING * DAMPING);
  }

  private double product(int branch, int i, int j) {
    return gram.product(branch, i, branch, j);
  }

  /** RMS of the forecast's error in one branch. */
  double expected(int branch, int k, int l, int p) {
    double[] only = new double[gram.branches()];
    only[branch] = 1;
    return rms(only, k, l, p);
  }

  /** RMS of the error after guidance. */
  double expectedGuided(int k, int l, int p) {
    return rms(profile.guidance(), k, l, p);
  }

  private double rms(double[] weights, int k, int l, int p) {
    int[] steps = p == NONE ? new int[] {k, l} : new int[] {k, l, p};
    double[][] factors = new double[weights.length][];
    for (int b = 0; b < weights.length; b++) {
      double w = slope(b, k, l, p);
      factors[b] = new double[] {-weights[b], weights[b] * (1 + w), -weights[b] * w};
    }
    double sum = 0;
    for (int b = 0; b < weights.length; b++) {
      for (int c = 0; c < weights.length; c++) {
        for (int i = 0; i < steps.length; i++) {
          for (int j = 0; j < steps.length; j++) {
            sum += factors[b][i] * factors[c][j] * gram.product(b, steps[i], c, steps[j]);
          }
        }
      }
    }
    return Math.sqrt(Math.max(0, sum));
  }

  /**
   * RMS that forecasting step k adds to the final latents: the guided error times the width of the
   * step and the gain of the steps behind it.
   */
  double cost(int k, int l, int p) {
    if (costs[k] == null) {
      costs[k] = new double[k][k];
    }
    if (p == NONE) {
      return weight(k) * expectedGuided(k, l, p);
    }
    if (costs[k][l][p] == 0) {
      costs[k][l][p] = weight(k) * expectedGuided(k, l, p);
    }
    return costs[k][l][p];
  }

  private double weight(int k) {
    return profile.gain()[k] * Math.abs(profile.sigmas()[k + 1] - profile.sigmas()[k]);
  }
}
