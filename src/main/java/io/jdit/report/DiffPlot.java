package io.jdit.report;

import io.jdit.cache.CacheStatistics;
import io.jdit.cache.CacheType;
import java.util.List;
import java.util.Locale;

/**
 * One branch as an inline SVG: the difference of every step, the threshold, cached steps marked.
 */
final class DiffPlot {
  private static final int WIDTH = 720;
  private static final int HEIGHT = 220;
  private static final int LEFT = 48;
  private static final int RIGHT = 12;
  private static final int TOP = 24;
  private static final int BOTTOM = 32;

  private final CacheStatistics.Branch branch;
  private final int steps;
  private final boolean forecast;
  private final double threshold;
  private final double ceiling;

  private DiffPlot(CacheStatistics group, CacheStatistics.Branch branch) {
    this.branch = branch;
    steps = Math.max(1, group.executedSteps());
    Double l1 = group.config().similarity().l1HiddenStatesDiffThreshold();
    forecast = group.config().type() == CacheType.FORECAST;
    threshold = forecast ? 0 : l1 == null ? group.config().residualDiffThreshold() : l1;
    double largest = threshold > 0 && threshold < 1 ? threshold : 0.01;
    for (int s = 0; s < steps; s++) {
      double value = value(s);
      largest = Double.isFinite(value) ? Math.max(largest, value) : largest;
    }
    ceiling = largest * 1.1;
  }

  static String svg(CacheStatistics group, CacheStatistics.Branch branch, String label) {
    return new DiffPlot(group, branch).render(label);
  }

  /** Mean of the measured differences of a step; NaN when none was measured. */
  private double value(int step) {
    List<Double> diffs = branch.residualDiffs().getOrDefault(step, List.of());
    return diffs.stream()
        .mapToDouble(Double::doubleValue)
        .filter(d -> d >= 0 && Double.isFinite(d))
        .average()
        .orElse(Double.NaN);
  }

  private double x(double step) {
    return LEFT + (step + 0.5) * (WIDTH - LEFT - RIGHT) / steps;
  }

  private double y(double value) {
    return HEIGHT - BOTTOM - value / ceiling * (HEIGHT - TOP - BOTTOM);
  }

  private String render(String label) {
    StringBuilder svg = new StringBuilder();
    svg.append(
        format(
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s per step, %s\">%n",
            WIDTH, HEIGHT, quantity(), HtmlPage.escape(label)));
    svg.append(
        format(
            "<text x=\"%d\" y=\"14\">%s, %s; filled: from the cache</text>%n",
            LEFT, quantity(), HtmlPage.escape(label)));
    appendBands(svg);
    appendAxes(svg);
    appendLine(svg);
    appendMarks(svg);
    return svg.append("</svg>\n").toString();
  }

  private String quantity() {
    return forecast ? "relative error of the forecast" : "residual difference";
  }

  private void appendBands(StringBuilder svg) {
    double width = x(1) - x(0);
    for (int step : branch.cachedSteps()) {
      svg.append(
          format(
              "<rect class=\"band\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>%n",
              x(step) - width / 2, TOP, width, HEIGHT - TOP - BOTTOM));
    }
  }

  private void appendAxes(StringBuilder svg) {
    for (int i = 0; i <= 4; i++) {
      double value = ceiling * i / 4;
      svg.append(
          format(
              "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                  + "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3f</text>%n",
              LEFT, WIDTH - RIGHT, y(value), y(value), LEFT - 6, y(value) + 4, value));
    }
    int every = Math.max(1, (int) Math.ceil(steps / 14.0));
    for (int s = 0; s < steps; s += every) {
      svg.append(
          format(
              "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%d</text>%n",
              x(s), HEIGHT - 12, s));
    }
    if (threshold > 0 && threshold < 1) {
      svg.append(
          format(
              "<line class=\"limit\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"><title>threshold"
                  + " %s</title></line>%n",
              LEFT, WIDTH - RIGHT, y(threshold), y(threshold), threshold));
    }
  }

  private void appendLine(StringBuilder svg) {
    StringBuilder points = new StringBuilder();
    for (int s = 0; s < steps; s++) {
      if (!Double.isNaN(value(s))) {
        points.append(format("%.1f,%.1f ", x(s), y(value(s))));
      }
    }
    if (points.length() > 0) {
      svg.append("<polyline class=\"diff\" points=\"").append(points.toString().strip());
      svg.append("\"/>\n");
    }
  }

  private void appendMarks(StringBuilder svg) {
    for (int s = 0; s < steps; s++) {
      boolean cached = branch.cachedSteps().contains(s);
      double value = value(s);
      if (Double.isNaN(value) && !cached) {
        continue;
      }
      String measured = Double.isNaN(value) ? "not measured" : format("%.4f", value);
      svg.append(
          format(
              "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"><title>step %d: %s,"
                  + " %s</title></circle>%n",
              cached ? "cached" : "computed",
              x(s),
              y(Double.isNaN(value) ? 0 : value),
              s,
              measured,
              cached ? "cached" : "computed"));
    }
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values).replace(System.lineSeparator(), "\n");
  }
}
