package io.jdit.media;

/** Pictures made smaller. */
public final class Thumbnail {
  private Thumbnail() {}

  /** Each pixel is the mean of the area that it covers, parts of pixels counted as parts. */
  public static Picture of(Picture picture, int width, int height) {
    byte[] rgb = new byte[3 * width * height];
    double dx = (double) picture.width() / width;
    double dy = (double) picture.height() / height;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        mean(picture, x * dx, (x + 1) * dx, y * dy, (y + 1) * dy, rgb, 3 * (y * width + x));
      }
    }
    return new Picture(width, height, rgb);
  }

  private static void mean(
      Picture picture, double left, double right, double top, double bottom, byte[] rgb, int to) {
    double[] sum = new double[3];
    double area = 0;
    int lastRow = Math.min(picture.height(), (int) Math.ceil(bottom - 1e-9));
    int lastColumn = Math.min(picture.width(), (int) Math.ceil(right - 1e-9));
    for (int y = (int) top; y < lastRow; y++) {
      double rows = Math.min(bottom, y + 1) - Math.max(top, y);
      for (int x = (int) left; x < lastColumn; x++) {
        double weight = rows * (Math.min(right, x + 1) - Math.max(left, x));
        int at = 3 * (y * picture.width() + x);
        for (int c = 0; c < 3; c++) {
          sum[c] += weight * (picture.rgb()[at + c] & 0xff);
        }
        area += weight;
      }
    }
    for (int c = 0; c < 3; c++) {
      rgb[to + c] = (byte) Math.round(sum[c] / area);
    }
  }
}
