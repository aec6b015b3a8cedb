package io.jdit.report;

import io.jdit.cache.CacheStatistics;
import io.jdit.cache.CacheType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Statistics as a table: one row per branch that recorded differences. */
public final class CacheTable {
  private static final double[] PERCENTS = {0, 25, 50, 75, 95};
  private static final String[] HEADINGS = {
    "Diffs P00", "Diffs P25", "Diffs P50", "Diffs P75", "Diffs P95", "Diffs Min", "Diffs Max"
  };

  private CacheTable() {}

  /** The table in Markdown, or an empty text when no difference was recorded. */
  public static String render(CacheStatistics statistics) {
    StringBuilder text = new StringBuilder();
    boolean prune = statistics.config().type() == CacheType.DBPRUNE;
    String count = prune ? "Pruned Blocks" : "Cache Steps";
    append(text, count, statistics.conditional(), prune);
    append(text, "CFG " + count, statistics.unconditional(), prune);
    Double ratio = statistics.prunedRatio();
    if (prune && ratio != null) {
      text.append(ratioLine(statistics)).append('\n');
    }
    return text.toString();
  }

  /** For example {@code Dynamic Block Prune Ratio: 20.83% (5/24)}. */
  public static String ratioLine(CacheStatistics statistics) {
    return String.format(
        Locale.ROOT,
        "Dynamic Block Prune Ratio: %.2f%% (%d/%d)",
        100.0 * statistics.pruned() / statistics.asked(),
        statistics.pruned(),
        statistics.asked());
  }

  private static void append(
      StringBuilder text, String countHeading, CacheStatistics.Branch branch, boolean prune) {
    if (branch.residualDiffs().isEmpty()) {
      return;
    }
    List<String> headings = headings(countHeading);
    text.append(line(headings, headings));
    text.append(line(headings.stream().map(h -> "-".repeat(h.length())).toList(), headings));
    text.append(line(row(branch, prune), headings));
  }

  static List<String> headings(String countHeading) {
    List<String> headings = new ArrayList<>(List.of(countHeading));
    headings.addAll(List.of(HEADINGS));
    return headings;
  }

  /** Count, percentiles, minimum and maximum, as cells. */
  static List<String> row(CacheStatistics.Branch branch, boolean prune) {
    List<String> cells = new ArrayList<>();
    cells.add(String.valueOf(prune ? branch.pruned() : branch.accumulatedCachedSteps()));
    for (double percent : PERCENTS) {
      cells.add(rounded(branch.percentile(percent)));
    }
    cells.add(rounded(branch.percentile(0)));
    cells.add(rounded(branch.percentile(100)));
    return cells;
  }

  /** Three decimals, ties to even. */
  private static String rounded(double value) {
    return String.valueOf(Math.rint(1000 * value) / 1000);
  }

  /** Cells padded to the widths of {@code widths}. */
  static String line(List<String> cells, List<String> widths) {
    StringBuilder line = new StringBuilder("|");
    for (int i = 0; i < cells.size(); i++) {
      String cell = cells.get(i);
      int padding = Math.max(0, widths.get(i).length() - cell.length());
      line.append(' ').append(cell).append(" ".repeat(padding)).append(" |");
    }
    return line.append('\n').toString();
  }
}
