package io.jdit.cache.forecast;

/**
 * What is to be expected of forecasts on one expert. A velocity f at step k is forecast from the
 * last two that were computed, at steps l and p before it, as
 *
 * <pre>v[k] = f[l] + w (f[l] - f[p]),   w = &lt;f[k]-f[l], f[l]-f[p]&gt; / (|f[l]-f[p]|^2 + n^2)
 * </pre>
 *
 * <p>with the slope w that had the least error on the calibration's runs, damped by n. Once f[k] is
 * computed it tells what the forecasts between l and k missed, of which there is a sum e over steps
 * of the step's width times the forecast's error; the estimate of it is
 *
 * <pre>a (f[k] - v[k]),   a = &lt;e, f[k]-v[k]&gt; / (|f[k]-v[k]|^2 + m^2)</pre>
 *
 * <p>by which the latents are moved at step k: the corrector of a predictor.
 */
final class ErrorModel {
  /** n: RMS of the noise that slopes are damped by; velocities have an RMS of about 1. */
  private static final double DAMPING = 0.1;

  /** m: the same of corrections, whose velocities are closer to each other. */
  private static final double CORRECTION_DAMPING = 0.02;

  private final ExpertProfile profile;
  private final int branches;
  private final double[][] products; // of velocities: branch 0 with all its steps first
  private final double[][][] gaps;

  ErrorModel(ExpertProfile profile) {
    this.profile = profile;
    this.branches = profile.gram().branches();
    this.products = profile.gram().toArray();
    this.gaps = new double[steps()][steps()][];
  }

  int steps() {
    return profile.steps();
  }

  /** Whether a step stands at this place of the calibrated ladder, up to a share of its width. */
  boolean fits(int step, double sigma, double tolerance) {
    double[] sigmas = profile.sigmas();
    return step < steps() && Math.abs(sigma - sigmas[step]) <= tolerance * Math.abs(width(step));
  }

  /** w of a branch. */
  double slope(int branch, int k, int l, int p) {
    double rise =
        product(branch, k, l)
            - product(branch, k, p)
            - product(branch, l, l)
            + product(branch, l, p);
    double run = product(branch, l, l) - 2 * product(branch, l, p) + product(branch, p, p);
    return rise / (run + DAMPING * DAMPING);
  }

  private double product(int branch, int i, int j) {
    return products[branch * steps() + i][branch * steps() + j];
  }

  /** What computed steps do about what was forecast before them. */
  Correction correction() {
    return profile.correction();
  }

  /** a of a branch, negative as the widths of steps are; 0 when no step lies between l and k. */
  double correction(int branch, int k, int l, int p) {
    Errors missed = new Errors(p, l, k);
    for (int j = l + 1; j < k; j++) {
      missed.add(branch, j, width(j));
    }
    Errors surprise = new Errors(p, l, k);
    surprise.add(branch, k, 1);
    return missed.product(surprise)
        / (surprise.product(surprise) + CORRECTION_DAMPING * CORRECTION_DAMPING);
  }

  /** RMS of the forecast's error in one branch. */
  double expected(int branch, int k, int l, int p) {
    Errors error = new Errors(p, l, k);
    error.add(branch, k, 1);
    return error.rms();
  }

  /**
   * RMS that step k adds to the latents after it when it takes the velocities of the one before.
   */
  double stale(int k) {
    return Math.abs(width(k)) * guidedError(k - 1, k - 1, k).rms();
  }

  /**
   * RMS that forecasting the steps between l and k adds to the final latents at most: guided errors
   * times the width of their step and the gain of the steps behind it. The correction at k is not
   * taken off: the velocity there is computed before it, at latents that are still off.
   *
   * @param k the number of steps where none is computed any more
   */
  double gap(int p, int l, int k) {
    if (gaps[p][l] == null) {
      gaps[p][l] = new double[steps() + 1];
      for (int j = l + 1; j < steps() && j < l + Planner.FARTHEST; j++) {
        gaps[p][l][j + 1] =
            gaps[p][l][j] + profile.gain()[j] * Math.abs(width(j)) * guidedError(p, l, j).rms();
      }
    }
    return gaps[p][l][k];
  }

  private Errors guidedError(int p, int l, int j) {
    Errors error = new Errors(p, l, j);
    for (int b = 0; b < branches; b++) {
      error.add(b, j, profile.guidance()[b]);
    }
    return error;
  }

  private double width(int step) {
    return profile.sigmas()[step + 1] - profile.sigmas()[step];
  }

  /** A weighted sum of errors of forecasts from steps l and p, at steps up to k. */
  private final class Errors {
    private final int p;
    private final int l;
    private final double[][] weights; // by branch: of f[p], f[l], f[l + 1] ... f[k]

    Errors(int p, int l, int k) {
      this.p = p;
      this.l = l;
      this.weights = new double[branches][k - l + 2];
    }

    void add(int branch, int j, double weight) {
      double w = p == l ? 0 : slope(branch, j, l, p);
      double[] row = weights[branch];
      row[j - l + 1] += weight;
      row[1] -= weight * (1 + w);
      row[0] += weight * w;
    }

    private int index(int branch, int place) {
      return branch * steps() + (place == 0 ? p : l + place - 1);
    }

    double product(Errors other) {
      double sum = 0;
      for (int b = 0; b < weights.length; b++) {
        for (int i = 0; i < weights[b].length; i++) {
          sum += weights[b][i] == 0 ? 0 : weights[b][i] * other.product(products[index(b, i)]);
        }
      }
      return sum;
    }

    private double product(double[] row) {
      double sum = 0;
      for (int b = 0; b < weights.length; b++) {
        for (int i = 0; i < weights[b].length; i++) {
          sum += weights[b][i] == 0 ? 0 : weights[b][i] * row[index(b, i)];
        }
      }
      return sum;
    }

    double rms() {
      return Math.sqrt(Math.max(0, product(this)));
    }
  }
}
