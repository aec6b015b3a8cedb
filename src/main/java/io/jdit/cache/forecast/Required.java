package io.jdit.cache.forecast;

import java.util.Arrays;

/** Checks of what stands in a profile. */
final class Required {
  private Required() {}

  /**
   * @throws IllegalArgumentException when there are not so many values, or one is not finite
   */
  static void finite(String name, double[] values, int count) {
    given(name, values);
    if (values.length != count) {
      throw new IllegalArgumentException(
          name + " has " + values.length + " values, expected " + count);
    }
    if (!Arrays.stream(values).allMatch(Double::isFinite)) {
      throw new IllegalArgumentException(name + " has a value that is not finite");
    }
  }

  /**
   * @throws IllegalArgumentException when there is none
   */
  static void given(String name, Object value) {
    that(value != null, name + " is missing");
  }

  static void that(boolean condition, String message) {
    if (!condition) {
      throw new IllegalArgumentException(message);
    }
  }
}
