package io.jdit.cache.forecast;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** Against closed forms for velocities that move along straight lines. */
class ErrorModelTest {
  private static final double DAMPING = 0.01; // n^2

  /** Positions along a line of RMS 1 that every velocity lies on. */
  private static final double[] AT = {0, 0.3, 0.5, 0.6, 0.65};

  private static ErrorModel line() {
    double[][] velocities = new double[AT.length][];
    for (int k = 0; k < AT.length; k++) {
      velocities[k] = new double[] {2 * AT[k], 5, 0, 0}; // of 4 elements: RMS is AT[k]
    }
    return new ErrorModel(
        new ExpertProfile(
            new double[] {1, 0.9, 0.7, 0.4, 0.2, 0},
            new double[] {1},
            new double[] {1, 2, 3, 4, 5},
            Profiles.gram(AT.length, 1, velocities),
            Correction.FULL));
  }

  @Test
  void theSlopeIsTheDampedOneOfLeastSquares() {
    ErrorModel model = line();
    for (int k = 2; k < AT.length; k++) {
      double way = AT[k - 1] - AT[k - 2];
      double slope = (AT[k] - AT[k - 1]) * way / (way * way + DAMPING);
      assertThat(model.slope(0, k, k - 1, k - 2)).isCloseTo(slope, within(1e-12));
      assertThat(model.expected(0, k, k - 1, k - 2))
          .isCloseTo(Math.abs(AT[k] - AT[k - 1] - slope * way), within(1e-7));
    }
  }

  /** f[k] - v[k] along the line. */
  private static double missed(ErrorModel model, int k, int l, int p) {
    return AT[k] - AT[l] - model.slope(0, k, l, p) * (AT[l] - AT[p]);
  }

  @Test
  void aGapCostsItsErrorsTimesGainAndWidth() {
    ErrorModel model = line();
    assertThat(model.stale(3)).isCloseTo(0.2 * 0.1, within(1e-9));
    double sum =
        3 * 0.3 * Math.abs(missed(model, 2, 1, 0)) + 4 * 0.2 * Math.abs(missed(model, 3, 1, 0));
    assertThat(model.gap(0, 1, 4)).isCloseTo(sum, within(1e-7));
    assertThat(model.gap(0, 1, 2)).isZero();
  }

  @Test
  void aCorrectionIsWhatTheComputedVelocitySaysOfTheOnesBefore() {
    ErrorModel model = line();
    double sum = -0.3 * missed(model, 2, 1, 0) - 0.2 * missed(model, 3, 1, 0);
    double surprise = missed(model, 4, 1, 0);
    double share = sum * surprise / (surprise * surprise + 0.02 * 0.02);
    assertThat(model.correction(0, 4, 1, 0)).isCloseTo(share, within(1e-9));
  }

  @Test
  void guidanceWeighsTheErrorsOfBothBranches() {
    // Branch 0 moves along one axis, branch 1 along another: their errors are orthogonal.
    double[][] velocities = {{0, 0}, {1, 0}, {0, 0}, {0, 2}};
    ErrorModel model =
        new ErrorModel(
            new ExpertProfile(
                Profiles.ladder(2),
                new double[] {3, -2},
                new double[] {1, 1},
                Profiles.gram(2, 2, velocities),
                Correction.NONE));
    double rms = Math.sqrt((3 * 3 * 1 + 2 * 2 * 4) / 2.0);
    assertThat(model.stale(1)).isCloseTo(rms / 2, within(1e-12));
    // The same error in both cancels to what guidance leaves of it.
    double[][] alike = {{0, 0}, {1, 1}, {0, 0}, {1, 1}};
    ErrorModel cancelling =
        new ErrorModel(
            new ExpertProfile(
                Profiles.ladder(2),
                new double[] {3, -2},
                new double[] {1, 1},
                Profiles.gram(2, 2, alike),
                Correction.NONE));
    assertThat(cancelling.stale(1)).isCloseTo(0.5, within(1e-12));
  }
}
