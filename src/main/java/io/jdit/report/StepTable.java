package io.jdit.report;

import java.util.List;
import java.util.Locale;

/** How far a picture is from the uncached one after each step, for several configurations. */
public final class StepTable {
  private StepTable() {}

  /**
   * One configuration.
   *
   * @param differences RMS of the latents' difference after each step
   * @param cached whether the step came from the cache
   */
  public record Column(String name, List<Double> differences, List<Boolean> cached) {}

  /** Markdown with a row for each step; computed steps are bold. */
  public static String render(String title, List<Column> columns) {
    StringBuilder text = new StringBuilder("\n" + title + "\n\n| step |");
    columns.forEach(c -> text.append(' ').append(c.name).append(" |"));
    text.append("\n|---|").append("---|".repeat(columns.size())).append('\n');
    for (int i = 0; i < columns.get(0).differences.size(); i++) {
      text.append("| ").append(i).append(" |");
      for (Column c : columns) {
        String format = c.cached.get(i) ? " %.4f |" : " **%.4f** |";
        text.append(String.format(Locale.ROOT, format, c.differences.get(i)));
      }
      text.append('\n');
    }
    return text.toString();
  }
}
