package io.jdit.report;

import java.util.List;
import java.util.Locale;

/** Numbers as bars beside their names: as inline SVG and in characters. */
final class BarChart {
  private static final int WIDTH = 720;
  private static final int LABEL = 220;
  private static final int VALUE = 90;
  private static final int ROW = 26;
  private static final int TOP = 26;
  private static final int CHARACTERS = 40;

  private BarChart() {}

  static String svg(String title, List<String> names, List<Double> values) {
    double largest = values.stream().max(Double::compare).orElse(1.0);
    StringBuilder svg = new StringBuilder();
    svg.append(
        format(
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n<text x=\"0\" y=\"14\">%s</text>\n",
            WIDTH, TOP + ROW * names.size(), HtmlPage.escape(title), HtmlPage.escape(title)));
    for (int i = 0; i < names.size(); i++) {
      int y = TOP + ROW * i;
      double width = (WIDTH - LABEL - VALUE) * values.get(i) / largest;
      svg.append(
          format(
              "<text x=\"0\" y=\"%d\">%s</text><rect class=\"cached\" x=\"%d\" y=\"%d\" width=\"%.1f\""
                  + " height=\"%d\"/><text x=\"%.1f\" y=\"%d\">%.1f</text>\n",
              y + 14,
              HtmlPage.escape(names.get(i)),
              LABEL,
              y + 2,
              width,
              ROW - 10,
              LABEL + width + 6,
              y + 14,
              values.get(i)));
    }
    return svg.append("</svg>\n").toString();
  }

  static String text(String title, List<String> names, List<Double> values) {
    double largest = values.stream().max(Double::compare).orElse(1.0);
    int label = names.stream().mapToInt(String::length).max().orElse(1);
    StringBuilder text = new StringBuilder(title).append('\n');
    for (int i = 0; i < names.size(); i++) {
      int length = (int) Math.round(CHARACTERS * values.get(i) / largest);
      text.append(
          format(
              "%-" + label + "s %s %.1f\n",
              names.get(i),
              "#".repeat(Math.max(1, length)),
              values.get(i)));
    }
    return text.toString();
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}
