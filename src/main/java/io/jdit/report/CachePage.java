package io.jdit.report;

import io.jdit.cache.CacheStatistics;
import io.jdit.cache.CacheType;
import java.util.Base64;
import java.util.List;
import java.util.Locale;

/** The HTML page of a {@link CacheReport}: self-contained, no scripts. */
final class CachePage {
  private CachePage() {}

  static String render(CacheReport report) {
    StringBuilder page = new StringBuilder(HtmlPage.head(report.title()));
    page.append("<h1>").append(HtmlPage.escape(report.title())).append("</h1>\n");
    if (report.picturePng() != null) {
      page.append("<img alt=\"generated picture\" src=\"data:image/png;base64,")
          .append(Base64.getEncoder().encodeToString(report.picturePng()))
          .append("\">\n");
    }
    for (CacheStatistics group : report.groups()) {
      appendGroup(page, report.title(group), group);
    }
    if (!report.stageMillis().isEmpty()) {
      page.append("<h2>Times</h2>\n<table>\n");
      report
          .stageMillis()
          .forEach(
              (stage, ms) -> appendRow(page, stage, String.format(Locale.ROOT, "%.1f ms", ms)));
      page.append("</table>\n");
    }
    if (!report.settings().isEmpty()) {
      page.append("<h2>Settings</h2>\n<table>\n");
      report.settings().forEach((name, value) -> appendRow(page, name, value));
      page.append("</table>\n");
    }
    return page.append("</body>\n</html>\n").toString();
  }

  private static void appendGroup(StringBuilder page, String title, CacheStatistics group) {
    page.append("<h2>").append(HtmlPage.escape(title)).append("</h2>\n");
    page.append("<p>").append(HtmlPage.escape(CacheReport.summary(group))).append("<br><code>");
    page.append(HtmlPage.escape(group.tag())).append("</code></p>\n");
    boolean separate = group.config().separateCfg();
    page.append(
        DiffPlot.svg(group, group.conditional(), separate ? "conditional calls" : "all calls"));
    if (separate) {
      page.append(DiffPlot.svg(group, group.unconditional(), "unconditional calls"));
    }
    appendTable(page, group, group.conditional());
    if (separate) {
      appendTable(page, group, group.unconditional());
    }
  }

  private static void appendTable(
      StringBuilder page, CacheStatistics group, CacheStatistics.Branch branch) {
    if (branch.residualDiffs().isEmpty()) {
      return;
    }
    boolean prune = group.config().type() == CacheType.DBPRUNE;
    page.append("<div class=\"scroll\"><table>\n<tr>");
    for (String heading : CacheTable.headings(prune ? "Pruned Blocks" : "Cache Steps")) {
      page.append("<th>").append(heading).append("</th>");
    }
    page.append("</tr>\n<tr>");
    List<String> cells = CacheTable.row(branch, prune);
    cells.forEach(cell -> page.append("<td>").append(cell).append("</td>"));
    page.append("</tr>\n</table></div>\n");
  }

  private static void appendRow(StringBuilder page, String name, String value) {
    page.append("<tr><th>").append(HtmlPage.escape(name)).append("</th><td>");
    page.append(HtmlPage.escape(value)).append("</td></tr>\n");
  }
}
