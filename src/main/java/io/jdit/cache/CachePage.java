package io.jdit.cache;

import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The HTML page of a {@link CacheReport}: self-contained, no scripts. */
final class CachePage {
  private static final String HEAD =
      """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>%s</title>
      <style>
      :root { color-scheme: light dark; --ink: #1f2328; --paper: #ffffff; --faint: #d0d7de;
              --line: #2563a8; --cached: #2563a8; --limit: #b54708; }
      @media (prefers-color-scheme: dark) {
        :root { --ink: #e6edf3; --paper: #14171c; --faint: #3a424c; --line: #7ab7ff;
                --cached: #7ab7ff; --limit: #ffa657; }
      }
      body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
             max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
      h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
      code { font-size: .85rem; overflow-wrap: anywhere; }
      table { border-collapse: collapse; margin: .5rem 0; font-variant-numeric: tabular-nums; }
      td, th { border-bottom: 1px solid var(--faint); padding: .2rem .8rem .2rem 0;
               text-align: left; font-weight: normal; }
      .scroll { overflow-x: auto; } svg { width: 100%%; height: auto; }
      svg text { fill: currentColor; font-size: 11px; }
      .axis { stroke: var(--faint); } .diff { stroke: var(--line); fill: none; stroke-width: 1.5; }
      .limit { stroke: var(--limit); stroke-dasharray: 5 4; }
      .computed { fill: var(--paper); stroke: var(--line); stroke-width: 1.5; }
      .cached { fill: var(--cached); stroke: var(--cached); } .band { fill: var(--cached); opacity: .12; }
      img { max-width: 100%%; height: auto; }
      </style>
      </head>
      <body>
      """;

  private CachePage() {}

  static String render(CacheReport report) {
    StringBuilder page = new StringBuilder(HEAD.formatted(escape(report.title())));
    page.append("<h1>").append(escape(report.title())).append("</h1>\n");
    if (report.picturePng() != null) {
      page.append("<img alt=\"generated picture\" src=\"data:image/png;base64,")
          .append(Base64.getEncoder().encodeToString(report.picturePng()))
          .append("\">\n");
    }
    for (CacheStatistics group : report.groups()) {
      appendGroup(page, group);
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

  private static void appendGroup(StringBuilder page, CacheStatistics group) {
    page.append("<h2>").append(escape(group.group())).append("</h2>\n");
    page.append("<p>").append(escape(CacheReport.summary(group))).append("<br><code>");
    page.append(escape(group.tag())).append("</code></p>\n");
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
    page.append("<tr><th>").append(escape(name)).append("</th><td>");
    page.append(escape(value)).append("</td></tr>\n");
  }

  private static final Map<Character, String> ESCAPES =
      Map.of('&', "&amp;", '<', "&lt;", '>', "&gt;", '"', "&quot;", '\'', "&#39;");

  static String escape(String text) {
    StringBuilder escaped = new StringBuilder(text.length());
    for (char c : text.toCharArray()) {
      String replacement = ESCAPES.get(c);
      escaped.append(replacement == null ? String.valueOf(c) : replacement);
    }
    return escaped.toString();
  }
}
