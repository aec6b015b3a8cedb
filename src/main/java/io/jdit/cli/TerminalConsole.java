package io.jdit.cli;

import io.jdit.engine.Console;
import io.jdit.engine.batch.BatchCount;
import io.jdit.media.Picture;
import io.jdit.media.TerminalPreview;
import java.nio.file.Path;

/** A run as the terminal shows it: results on the standard output, everything else beside it. */
final class TerminalConsole implements Console, AutoCloseable {
  private final Terminal terminal;
  private final OutputOptions.Preview preview;
  private final boolean verbose;
  private final BatchDisplay batch;
  private boolean counted;

  TerminalConsole(Terminal terminal) {
    this(terminal, OutputOptions.Preview.OFF, false);
  }

  /**
   * @param verbose whether failures that do not end the run come with their stack trace
   */
  TerminalConsole(Terminal terminal, OutputOptions.Preview preview, boolean verbose) {
    this.terminal = terminal;
    this.preview = preview;
    this.verbose = verbose;
    this.batch = new BatchDisplay(terminal);
  }

  @Override
  public void info(String line) {
    batch.clear();
    terminal.info("%s", line);
  }

  @Override
  public void error(String line, Throwable failure) {
    batch.clear();
    if (verbose && failure != null) {
      failure.printStackTrace(terminal.err());
    }
    terminal.err().println("jdit: " + line);
  }

  @Override
  public Watch watch() {
    return new StepDisplay(terminal);
  }

  @Override
  public void saved(Path file, Picture picture) {
    batch.clear();
    terminal.out().println(file);
    boolean wanted =
        preview == OutputOptions.Preview.ON
            || (preview == OutputOptions.Preview.AUTO
                && !counted
                && terminal.colour()
                && !terminal.quiet());
    if (wanted) {
      terminal.out().print(TerminalPreview.render(picture, terminal.columns()));
    }
    terminal.out().flush();
  }

  @Override
  public void count(BatchCount count) {
    counted = true;
    batch.show(count);
  }

  /** Leaves the line of a batch. */
  @Override
  public void close() {
    if (counted && terminal.interactive()) {
      terminal.err().println();
    }
  }
}
