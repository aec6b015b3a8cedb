package io.jdit.cli;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;

/**
 * Where a command prints. Results go to {@code out}, everything else to {@code err}.
 *
 * @param interactive whether {@code err} is a terminal, so that a line can be redrawn
 * @param colour whether {@code out} is a terminal that shows 24-bit colours
 * @param columns width of the terminal
 */
record Terminal(
    PrintWriter out,
    PrintWriter err,
    boolean interactive,
    boolean colour,
    int columns,
    boolean quiet) {
  private static final int DEFAULT_COLUMNS = 80;

  /**
   * The launcher knows which streams are terminals ({@code -Djdit.tty=}, file descriptors such as
   * {@code 12}); Java only knows of all together.
   */
  static Terminal of(
      PrintWriter out, PrintWriter err, boolean quiet, Map<String, String> environment) {
    String tty = System.getProperty("jdit.tty", System.console() != null ? "12" : "");
    boolean dumb = environment.getOrDefault("TERM", "dumb").equals("dumb");
    boolean colour =
        tty.contains("1") && !dumb && environment.getOrDefault("NO_COLOR", "").isEmpty();
    return new Terminal(
        out, err, tty.contains("2") && !dumb && !quiet, colour, columns(environment), quiet);
  }

  private static int columns(Map<String, String> environment) {
    String text = System.getProperty("jdit.columns", environment.getOrDefault("COLUMNS", ""));
    try {
      return Math.max(20, Integer.parseInt(text.strip()));
    } catch (NumberFormatException e) {
      return DEFAULT_COLUMNS;
    }
  }

  /** The same without anything for people. */
  Terminal silent() {
    return new Terminal(out, err, false, colour, columns, true);
  }

  /** A line for people, unless quiet. */
  void info(String format, Object... args) {
    if (!quiet) {
      err.println(args.length == 0 ? format : String.format(Locale.ROOT, format, args));
    }
  }
}
