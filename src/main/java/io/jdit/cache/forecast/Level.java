package io.jdit.cache.forecast;

import java.util.Map;

/**
 * A speed that a profile is ready for.
 *
 * @param speedup steps divided by the computed ones of a typical picture
 * @param price of a computed step, see {@link Planner}
 * @param norm by expert and step: what the logarithm of a forecast's error over the expected one
 *     typically is at that speed
 * @param evidence null where it was not validated
 */
public record Level(double speedup, double price, Map<String, double[]> norm, Evidence evidence) {
  /** The same with what was found out about it. */
  public Level with(Evidence found) {
    return new Level(speedup, price, norm, found);
  }

  public Level {
    Required.given("norm", norm);
    Required.that(speedup >= 1 && price >= 0, "a level has a speedup below 1 or a price below 0");
    norm = Map.copyOf(norm);
  }
}
