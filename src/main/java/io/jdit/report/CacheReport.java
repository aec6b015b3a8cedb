package io.jdit.report;

import io.jdit.cache.CacheStatistics;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * What the cache did in one generation, for people: a table as text, or one HTML page that needs
 * nothing else.
 *
 * @param title heading, for example the prompt
 * @param groups one entry per block group
 * @param stageMillis times by stage in the order to show, possibly empty
 * @param settings further settings by name in the order to show, possibly empty
 * @param picturePng the picture as PNG, or null
 */
public record CacheReport(
    String title,
    List<CacheStatistics> groups,
    Map<String, Double> stageMillis,
    Map<String, String> settings,
    byte[] picturePng) {

  public CacheReport {
    groups = List.copyOf(groups);
  }

  /** Tag and table of every group. */
  public String text() {
    StringBuilder text = new StringBuilder();
    for (CacheStatistics group : groups) {
      text.append(title(group)).append(": ").append(group.tag()).append('\n');
      text.append(summary(group)).append('\n');
      String table = CacheTable.render(group);
      text.append(table.isEmpty() ? "" : "\n" + table).append('\n');
    }
    stageMillis.forEach(
        (stage, ms) -> text.append(String.format(Locale.ROOT, "%-12s %10.1f ms\n", stage, ms)));
    return text.toString();
  }

  /** The page. */
  public String html() {
    return CachePage.render(this);
  }

  /** Name of a group; with that of its transformer where there are several. */
  String title(CacheStatistics group) {
    boolean several = groups.stream().anyMatch(g -> !g.expert().equals(group.expert()));
    return several ? group.expert() + "." + group.group() : group.group();
  }

  /** For example {@code cached 12 of 28 steps}. */
  static String summary(CacheStatistics group) {
    if (group.prunedRatio() != null) {
      return CacheTable.ratioLine(group);
    }
    String text =
        "cached %s of %s steps"
            .formatted(group.conditional().cachedSteps().size(), group.executedSteps());
    return group.config().separateCfg()
        ? text + ", unconditional calls " + group.unconditional().cachedSteps().size()
        : text;
  }
}
