package io.jdit.metrics;

/**
 * Multi-scale structural similarity of 8-bit RGB pictures (Wang, Simoncelli and Bovik 2003): the
 * product of contrast and structure at five scales and of the whole {@link Ssim} at the last, each
 * to the power of its weight; means over windows, then over channels. A scale is the 2 x 2 mean of
 * the one before. Pictures below 176 pixels have fewer scales, with the weights of those divided by
 * their sum: numbers of pictures of other sizes do not compare then.
 */
public final class MultiScaleSsim {
  private static final double[] WEIGHTS = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};

  private MultiScaleSsim() {}

  /**
   * 1 for equal pictures.
   *
   * @param a [height, width, 3], as {@code b}
   * @throws IllegalArgumentException if a side is below 11 or the arrays have other sizes
   */
  public static double of(byte[] a, byte[] b, int width, int height) {
    double sum = 0;
    for (int c = 0; c < Ssim.CHANNELS; c++) {
      sum += channel(Ssim.plane(a, c), Ssim.plane(b, c), width, height);
    }
    return sum / Ssim.CHANNELS;
  }

  private static double channel(double[] a, double[] b, int width, int height) {
    int scales = scales(Math.min(width, height));
    double weights = 0;
    for (int s = 0; s < scales; s++) {
      weights += WEIGHTS[s];
    }
    double product = 1;
    double[] left = a;
    double[] right = b;
    int w = width;
    int h = height;
    for (int s = 0; s < scales; s++) {
      Ssim.Means means = Ssim.channel(left, right, w, h);
      double factor = s == scales - 1 ? means.similarity() : means.structure();
      product *= Math.pow(Math.max(0, factor), WEIGHTS[s] / weights);
      left = halved(left, w, h);
      right = halved(right, w, h);
      w /= 2;
      h /= 2;
    }
    return product;
  }

  private static int scales(int side) {
    if (side < Ssim.LEAST_SIDE) {
      throw new IllegalArgumentException("a side of " + side + " pixels, expected at least 11");
    }
    int scales = 1;
    while (scales < WEIGHTS.length && side >> scales >= Ssim.LEAST_SIDE) {
      scales++;
    }
    return scales;
  }

  /** Means of 2 x 2 pixels; an odd last row or column is left out. */
  static double[] halved(double[] plane, int width, int height) {
    int w = width / 2;
    int h = height / 2;
    double[] half = new double[w * h];
    for (int y = 0; y < h; y++) {
      for (int x = 0; x < w; x++) {
        int at = 2 * y * width + 2 * x;
        half[y * w + x] =
            (plane[at] + plane[at + 1] + plane[at + width] + plane[at + width + 1]) / 4;
      }
    }
    return half;
  }
}
