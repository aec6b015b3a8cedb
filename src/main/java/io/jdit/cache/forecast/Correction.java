package io.jdit.cache.forecast;

/** What a computed step does about what the forecasts before it missed. */
public enum Correction {
  NONE,
  /** Moves the latents by the estimate of it. */
  FULL,
  /**
   * The same, by less where the velocity is farther off its forecast than on uncached runs: the
   * rest comes of latents that were off already and says nothing of the steps that were forecast.
   */
  CAUTIOUS;

  /**
   * The one for a number of guidance branches: guidance multiplies what latents that are off do to
   * the velocities, so that much of what is seen is not of the steps that were forecast.
   */
  static Correction suiting(int branches) {
    return branches == 1 ? FULL : CAUTIOUS;
  }

  /**
   * Share of the estimate that is taken: of least squares, where what is more than expected is
   * noise.
   *
   * @param expected RMS of the forecast's error on uncached runs
   * @param error RMS of the forecast's error here
   */
  double share(double expected, double error) {
    return this == CAUTIOUS && error > expected
        ? expected * expected / (error * error)
        : this == NONE ? 0 : 1;
  }
}
