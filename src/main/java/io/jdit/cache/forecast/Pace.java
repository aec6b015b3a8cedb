package io.jdit.cache.forecast;

/**
 * How much of one generation is computed on one expert.
 *
 * @param price of a computed step for a typical picture
 * @param norm by step: the usual logarithm of a forecast's error over the expected one
 * @param adaptive false computes the same steps for every picture
 */
record Pace(double price, double[] norm, boolean adaptive) {
  /** Share of the sensitivity, a logarithm of errors, that the price follows. */
  private static final double REACTION = 0.5;

  /**
   * The price for a picture whose errors are exp({@code sensitivity}) times as large as usual: the
   * planner weighs it against squares of errors.
   */
  double price(double sensitivity) {
    return adaptive ? price * Math.exp(-2 * REACTION * sensitivity) : price;
  }
}
