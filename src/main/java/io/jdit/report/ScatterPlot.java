package io.jdit.report;

import java.util.Arrays;
import java.util.Locale;

/** Points in a frame of characters. */
public final class ScatterPlot {
  private static final int WIDTH = 60;
  private static final int HEIGHT = 14;

  private ScatterPlot() {}

  /** Empty for fewer than two finite points. */
  public static String render(String xLabel, String yLabel, double[] x, double[] y) {
    double[] xs = finite(x, y, x);
    double[] ys = finite(x, y, y);
    if (xs.length < 2) {
      return "";
    }
    double x0 = Arrays.stream(xs).min().orElseThrow();
    double x1 = Arrays.stream(xs).max().orElseThrow();
    double y0 = Arrays.stream(ys).min().orElseThrow();
    double y1 = Arrays.stream(ys).max().orElseThrow();
    char[][] cells = new char[HEIGHT][WIDTH];
    for (char[] row : cells) {
      Arrays.fill(row, ' ');
    }
    for (int i = 0; i < xs.length; i++) {
      cells[HEIGHT - 1 - cell(ys[i], y0, y1, HEIGHT)][cell(xs[i], x0, x1, WIDTH)] = '*';
    }
    StringBuilder text = new StringBuilder(yLabel).append('\n');
    for (int r = 0; r < HEIGHT; r++) {
      double value = y1 - (y1 - y0) * r / (HEIGHT - 1);
      text.append(String.format(Locale.ROOT, "%7.1f |", value))
          .append(new String(cells[r]).stripTrailing())
          .append('\n');
    }
    text.append("        +").append("-".repeat(WIDTH)).append('\n');
    text.append(
        String.format(Locale.ROOT, "         %-8.2f%" + (WIDTH - 8) + ".2f  %s%n", x0, x1, xLabel));
    return text.toString();
  }

  private static int cell(double v, double low, double high, int cells) {
    return high == low ? 0 : (int) Math.round((v - low) / (high - low) * (cells - 1));
  }

  private static double[] finite(double[] x, double[] y, double[] take) {
    double[] kept = new double[take.length];
    int n = 0;
    for (int i = 0; i < take.length; i++) {
      if (Double.isFinite(x[i]) && Double.isFinite(y[i])) {
        kept[n++] = take[i];
      }
    }
    return Arrays.copyOf(kept, n);
  }
}
