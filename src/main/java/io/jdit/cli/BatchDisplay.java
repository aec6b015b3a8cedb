package io.jdit.cli;

import io.jdit.engine.batch.BatchCount;
import java.util.Locale;

/** One line for a whole batch: redrawn on a terminal, printed now and then elsewhere. */
final class BatchDisplay {
  private static final double SECONDS_BETWEEN_LINES = 5;

  private final Terminal terminal;
  private final long start = System.nanoTime();
  private long lastLine;
  private boolean drawn;
  private BatchCount printed;

  BatchDisplay(Terminal terminal) {
    this.terminal = terminal;
  }

  void show(BatchCount count) {
    String line = text(count, (System.nanoTime() - start) / 1e9);
    if (terminal.interactive()) {
      clear();
      terminal.err().print(line);
      terminal.err().flush();
      drawn = true;
    } else if (!count.equals(printed)
        && (count.left() == 0
            || lastLine == 0
            || (System.nanoTime() - lastLine) / 1e9 >= SECONDS_BETWEEN_LINES)) {
      lastLine = System.nanoTime();
      printed = count;
      terminal.info("%s", line);
    }
  }

  /** Makes room for other lines; the next {@link #show} draws it again. */
  void clear() {
    if (drawn) {
      terminal.err().print("\r" + " ".repeat(terminal.columns() - 1) + "\r");
      terminal.err().flush();
      drawn = false;
    }
  }

  /** Such as {@code 12/64 done, 3 failed, ETA 2:05}. */
  String text(BatchCount count, double seconds) {
    StringBuilder line = new StringBuilder();
    line.append(count.done()).append('/').append(count.total()).append(" done");
    if (count.failed() > 0) {
      line.append(", ").append(count.failed()).append(" failed");
    }
    int made = count.done() - count.skipped();
    if (made > 0 && count.left() > 0) {
      long eta = Math.round(seconds / made * count.left());
      line.append(", ETA ").append(duration(eta));
    }
    return line.toString();
  }

  private static String duration(long seconds) {
    return seconds >= 3600
        ? String.format(
            Locale.ROOT, "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60)
        : String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60);
  }
}
