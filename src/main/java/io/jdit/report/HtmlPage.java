package io.jdit.report;

import java.util.Map;

/** What JDiT's self-contained HTML reports share: no scripts, nothing loaded, light and dark. */
public final class HtmlPage {
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

  private HtmlPage() {}

  /** Everything up to the first element of the body. */
  public static String head(String title) {
    return HEAD.formatted(escape(title));
  }

  /** A Markdown table as one that scrolls on its own where it is wide. */
  static String table(String markdown) {
    StringBuilder table = new StringBuilder("<div class=\"scroll\"><table>\n");
    for (String line : markdown.split("\n")) {
      if (!line.startsWith("|-")) {
        table.append("<tr>");
        for (String cell : line.substring(1, line.length() - 1).split("\\|", -1)) {
          table.append("<td>").append(escape(cell.strip())).append("</td>");
        }
        table.append("</tr>\n");
      }
    }
    return table.append("</table></div>\n").toString();
  }

  private static final Map<Character, String> ESCAPES =
      Map.of('&', "&amp;", '<', "&lt;", '>', "&gt;", '"', "&quot;", '\'', "&#39;");

  /** Text as it stands between tags or in quotes. */
  public static String escape(String text) {
    StringBuilder escaped = new StringBuilder(text.length());
    for (char c : text.toCharArray()) {
      String replacement = ESCAPES.get(c);
      escaped.append(replacement == null ? String.valueOf(c) : replacement);
    }
    return escaped.toString();
  }
}
