package io.jdit.media;

/**
 * Resizing of pictures, antialiased, in the fixed-point arithmetic of the libraries that pipelines
 * resize with, so that pixels are equal: rows first, then columns, rounded after each.
 */
public enum Resize {
  /** Radius 3, as the Pillow library does it. */
  LANCZOS(3) {
    @Override
    double kernel(double x) {
      return Math.abs(x) < 3 ? sinc(x) * sinc(x / 3) : 0;
    }

    @Override
    int precision(double largest) {
      return 22;
    }
  },

  /** Keys' cubic with a = -1/2, as LibTorch does it with tensors of bytes. */
  BICUBIC(2) {
    @Override
    double kernel(double x) {
      double t = Math.abs(x);
      return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
    }

    /** As many bits as let the largest weight be a 16-bit integer. */
    @Override
    int precision(double largest) {
      int bits = 0;
      while (bits < 22 && (int) (0.5 + largest * (1 << (bits + 1))) < 1 << 15) {
        bits++;
      }
      return bits;
    }
  };

  private final double radius;

  Resize(double radius) {
    this.radius = radius;
  }

  abstract double kernel(double x);

  /** Bits of a weight after the point. */
  abstract int precision(double largest);

  private static double sinc(double x) {
    return x == 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
  }

  /** The picture in another size, its aspect ignored; itself when it has that size. */
  public Picture resize(Picture picture, int width, int height) {
    byte[] rgb = picture.rgb();
    if (width != picture.width()) {
      rgb = alongRows(rgb, picture.width(), picture.height(), width);
    }
    if (height != picture.height()) {
      rgb = alongColumns(rgb, width, picture.height(), height);
    }
    return rgb == picture.rgb() ? picture : new Picture(width, height, rgb);
  }

  /**
   * Weights of every output pixel.
   *
   * @param first input pixel that counts, of each
   */
  private record Taps(int[] first, int[][] weights, int precision) {
    byte at(int i, byte[] rgb, int from, int stride) {
      int sum = 1 << (precision - 1);
      int at = from + first[i] * stride;
      for (int w : weights[i]) {
        sum += (rgb[at] & 255) * w;
        at += stride;
      }
      return (byte) Math.max(0, Math.min(255, sum >> precision));
    }
  }

  private Taps taps(int in, int out) {
    double scale = (double) in / out;
    double stretch = Math.max(scale, 1); // the kernel is widened when a picture gets smaller
    double support = radius * stretch;
    int[] first = new int[out];
    double[][] weights = new double[out][];
    double largest = 0;
    for (int i = 0; i < out; i++) {
      double centre = (i + 0.5) * scale;
      first[i] = Math.max(0, (int) (centre - support + 0.5));
      double[] w = new double[Math.min(in, (int) (centre + support + 0.5)) - first[i]];
      double sum = 0;
      for (int j = 0; j < w.length; j++) {
        w[j] = kernel((first[i] + j - centre + 0.5) / stretch);
        sum += w[j];
      }
      for (int j = 0; j < w.length; j++) {
        w[j] /= sum;
        largest = Math.max(largest, w[j]);
      }
      weights[i] = w;
    }
    int precision = precision(largest);
    int[][] fixed = new int[out][];
    for (int i = 0; i < out; i++) {
      fixed[i] = new int[weights[i].length];
      for (int j = 0; j < fixed[i].length; j++) {
        double w = weights[i][j] * (1 << precision);
        fixed[i][j] = (int) (w < 0 ? w - 0.5 : w + 0.5);
      }
    }
    return new Taps(first, fixed, precision);
  }

  private byte[] alongRows(byte[] rgb, int width, int height, int out) {
    Taps taps = taps(width, out);
    byte[] result = new byte[3 * out * height];
    for (int y = 0, at = 0; y < height; y++) {
      for (int x = 0; x < out; x++) {
        for (int c = 0; c < 3; c++) {
          result[at++] = taps.at(x, rgb, 3 * y * width + c, 3);
        }
      }
    }
    return result;
  }

  private byte[] alongColumns(byte[] rgb, int width, int height, int out) {
    Taps taps = taps(height, out);
    int stride = 3 * width;
    byte[] result = new byte[stride * out];
    for (int y = 0, at = 0; y < out; y++) {
      for (int x = 0; x < stride; x++) {
        result[at++] = taps.at(y, rgb, x, stride);
      }
    }
    return result;
  }
}
