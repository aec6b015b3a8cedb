package io.jdit.metrics;

/** Peak signal-to-noise ratio of 8-bit samples. */
public final class Psnr {
  private static final double PEAK = 255;

  private Psnr() {}

  /**
   * 10 log10(255^2 / mean squared difference) in decibels; infinite for equal samples.
   *
   * @throws IllegalArgumentException if the lengths differ or are zero
   */
  public static double of(byte[] a, byte[] b) {
    if (a.length != b.length || a.length == 0) {
      throw new IllegalArgumentException(
          "pictures of " + a.length + " and " + b.length + " samples, expected equal sizes");
    }
    long sum = 0;
    for (int i = 0; i < a.length; i++) {
      int difference = (a[i] & 0xff) - (b[i] & 0xff);
      sum += (long) difference * difference;
    }
    return 10 * Math.log10(PEAK * PEAK * a.length / sum);
  }
}
