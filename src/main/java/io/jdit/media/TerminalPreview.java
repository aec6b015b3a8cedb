package io.jdit.media;

/** Draws a picture with coloured half blocks for terminals that know 24-bit colours. */
public final class TerminalPreview {
  private static final char UPPER_HALF = '\u2580';
  private static final String RESET = "\u001b[0m";

  private TerminalPreview() {}

  /**
   * The picture in {@code columns} characters a line (fewer if it has fewer pixels), two pixel rows
   * to a line, each line with a line feed at its end. A cell's upper half is the foreground, its
   * lower half the background colour.
   */
  public static String render(Picture picture, int columns) {
    if (columns < 1) {
      throw new IllegalArgumentException("columns " + columns + ", expected at least 1");
    }
    int width = Math.min(columns, picture.width());
    int height = Math.max(1, Math.round((float) picture.height() * width / picture.width()));
    int[][] pixels = average(picture, width, height);
    StringBuilder text = new StringBuilder();
    for (int y = 0; y < height; y += 2) {
      for (int x = 0; x < width; x++) {
        colour(text, 38, pixels[y * width + x]);
        if (y + 1 < height) {
          colour(text, 48, pixels[(y + 1) * width + x]);
        }
        text.append(UPPER_HALF);
      }
      text.append(RESET).append('\n');
    }
    return text.toString();
  }

  private static void colour(StringBuilder text, int code, int[] rgb) {
    text.append("\u001b[").append(code).append(";2");
    for (int channel : rgb) {
      text.append(';').append(channel);
    }
    text.append('m');
  }

  /** Each output pixel is the mean of the area it covers, parts of pixels counted as parts. */
  private static int[][] average(Picture picture, int width, int height) {
    int[][] pixels = new int[width * height][3];
    double dx = (double) picture.width() / width;
    double dy = (double) picture.height() / height;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        mean(picture, x * dx, (x + 1) * dx, y * dy, (y + 1) * dy, pixels[y * width + x]);
      }
    }
    return pixels;
  }

  private static void mean(
      Picture picture, double left, double right, double top, double bottom, int[] rgb) {
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
      rgb[c] = (int) Math.round(sum[c] / area);
    }
  }
}
