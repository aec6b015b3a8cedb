package io.jdit.metrics;

/**
 * Structural similarity of 8-bit RGB pictures (Wang et al. 2004): Gaussian window of 11 x 11 with
 * sigma 1.5, K1 = 0.01, K2 = 0.03, population statistics, mean over the three channels. The same
 * numbers as scikit-image's {@code structural_similarity} with {@code gaussian_weights=True,
 * use_sample_covariance=False, data_range=255, channel_axis=-1}.
 */
public final class Ssim {
  private static final int RADIUS = 5;
  private static final double SIGMA = 1.5;
  private static final double C1 = Math.pow(0.01 * 255, 2);
  private static final double C2 = Math.pow(0.03 * 255, 2);
  static final int CHANNELS = 3;

  /** Least side of a picture. */
  static final int LEAST_SIDE = 2 * RADIUS + 1;

  private static final double[] WINDOW = window();

  private Ssim() {}

  /**
   * Mean similarity over all positions where the whole window lies inside the picture; 1 for equal
   * pictures.
   *
   * @param a [height, width, 3]
   * @param b [height, width, 3]
   * @throws IllegalArgumentException if a side is below 11 or an array does not have height * width
   *     * 3 samples
   */
  public static double of(byte[] a, byte[] b, int width, int height) {
    if (width <= 2 * RADIUS || height <= 2 * RADIUS) {
      throw new IllegalArgumentException(
          "picture of " + width + "x" + height + ", expected at least 11x11 for SSIM");
    }
    long expected = (long) width * height * CHANNELS;
    if (a.length != expected || b.length != expected) {
      throw new IllegalArgumentException(
          "pictures of " + a.length + " and " + b.length + " samples, expected " + expected);
    }
    double sum = 0;
    for (int c = 0; c < CHANNELS; c++) {
      sum += channel(plane(a, c), plane(b, c), width, height).similarity();
    }
    return sum / CHANNELS;
  }

  /**
   * Means over a channel.
   *
   * @param similarity of luminance, contrast and structure together
   * @param structure contrast and structure alone
   */
  record Means(double similarity, double structure) {}

  /**
   * @param a [height, width], as {@code b}; sides of at least 11
   */
  static Means channel(double[] a, double[] b, int width, int height) {
    double[] meanA = filter(a, width, height);
    double[] meanB = filter(b, width, height);
    double[] squareA = filter(product(a, a), width, height);
    double[] squareB = filter(product(b, b), width, height);
    double[] mixed = filter(product(a, b), width, height);
    double similarity = 0;
    double structure = 0;
    for (int i = 0; i < meanA.length; i++) {
      double variances = squareA[i] - meanA[i] * meanA[i] + squareB[i] - meanB[i] * meanB[i];
      double covariance = mixed[i] - meanA[i] * meanB[i];
      double means = meanA[i] * meanA[i] + meanB[i] * meanB[i];
      double cs = (2 * covariance + C2) / (variances + C2);
      similarity += (2 * meanA[i] * meanB[i] + C1) / (means + C1) * cs;
      structure += cs;
    }
    return new Means(similarity / meanA.length, structure / meanA.length);
  }

  /** Separable Gaussian mean of the positions with a whole window: [height - 10, width - 10]. */
  private static double[] filter(double[] plane, int width, int height) {
    int columns = width - 2 * RADIUS;
    int rows = height - 2 * RADIUS;
    double[] horizontal = new double[height * columns];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < columns; x++) {
        double sum = 0;
        for (int k = 0; k < WINDOW.length; k++) {
          sum += WINDOW[k] * plane[y * width + x + k];
        }
        horizontal[y * columns + x] = sum;
      }
    }
    double[] filtered = new double[rows * columns];
    for (int y = 0; y < rows; y++) {
      for (int x = 0; x < columns; x++) {
        double sum = 0;
        for (int k = 0; k < WINDOW.length; k++) {
          sum += WINDOW[k] * horizontal[(y + k) * columns + x];
        }
        filtered[y * columns + x] = sum;
      }
    }
    return filtered;
  }

  static double[] plane(byte[] rgb, int channel) {
    double[] plane = new double[rgb.length / CHANNELS];
    for (int i = 0; i < plane.length; i++) {
      plane[i] = rgb[CHANNELS * i + channel] & 0xff;
    }
    return plane;
  }

  private static double[] product(double[] a, double[] b) {
    double[] product = new double[a.length];
    for (int i = 0; i < a.length; i++) {
      product[i] = a[i] * b[i];
    }
    return product;
  }

  private static double[] window() {
    double[] window = new double[2 * RADIUS + 1];
    double sum = 0;
    for (int i = 0; i < window.length; i++) {
      int distance = i - RADIUS;
      window[i] = Math.exp(-distance * distance / (2 * SIGMA * SIGMA));
      sum += window[i];
    }
    for (int i = 0; i < window.length; i++) {
      window[i] /= sum;
    }
    return window;
  }
}
