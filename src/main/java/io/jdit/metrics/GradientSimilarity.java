package io.jdit.metrics;

/**
 * Mean similarity of gradient magnitudes of 8-bit RGB pictures (Xue et al. 2014, GMSM): Prewitt
 * gradients of the luminance at half size, (2 g h + c) / (g^2 + h^2 + c) with c = 170. It sees
 * moved edges and lost texture where colours hardly change.
 */
public final class GradientSimilarity {
  private static final double C = 170;
  private static final double[] LUMINANCE = {0.299, 0.587, 0.114};

  private GradientSimilarity() {}

  /**
   * 1 for equal pictures, in (0, 1].
   *
   * @param a [height, width, 3], as {@code b}
   * @throws IllegalArgumentException if a side is below 6
   */
  public static double of(byte[] a, byte[] b, int width, int height) {
    int w = width / 2;
    int h = height / 2;
    if (w < 3 || h < 3) {
      throw new IllegalArgumentException(
          "picture of " + width + "x" + height + ", expected at least 6x6 for gradients");
    }
    double[] left = MultiScaleSsim.halved(luminance(a), width, height);
    double[] right = MultiScaleSsim.halved(luminance(b), width, height);
    double sum = 0;
    for (int y = 1; y < h - 1; y++) {
      for (int x = 1; x < w - 1; x++) {
        double g = magnitude(left, w, y * w + x);
        double k = magnitude(right, w, y * w + x);
        sum += (2 * g * k + C) / (g * g + k * k + C);
      }
    }
    return sum / ((double) (w - 2) * (h - 2));
  }

  private static double[] luminance(byte[] rgb) {
    double[] plane = new double[rgb.length / LUMINANCE.length];
    for (int i = 0; i < rgb.length; i++) {
      plane[i / LUMINANCE.length] += LUMINANCE[i % LUMINANCE.length] * (rgb[i] & 0xff);
    }
    return plane;
  }

  private static double magnitude(double[] p, int width, int at) {
    double dx = 0;
    double dy = 0;
    for (int i = -1; i <= 1; i++) {
      dx += p[at + i * width + 1] - p[at + i * width - 1];
      dy += p[at + width + i] - p[at - width + i];
    }
    return Math.hypot(dx, dy) / 3;
  }
}
