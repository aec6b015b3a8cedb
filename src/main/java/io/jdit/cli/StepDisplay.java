package io.jdit.cli;

import io.jdit.engine.Console;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/**
 * Draws the denoising: a bar with s/it and ETA on a terminal, a plain line now and then elsewhere.
 */
final class StepDisplay implements Console.Watch {
  private static final double SECONDS_BETWEEN_LINES = 5;

  private final Terminal terminal;
  private ProgressBar bar;
  private String expert = ""; // for models of several
  private long start;
  private long lastLine;

  StepDisplay(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public void stage(String name) {
    start = System.nanoTime();
    lastLine = start;
  }

  @Override
  public void expert(String component) {
    expert = component + "  ";
  }

  @Override
  public void step(int done, int total) {
    if (terminal.interactive()) {
      if (bar == null) {
        bar =
            new ProgressBarBuilder()
                .setTaskName("denoise")
                .setInitialMax(total)
                .setStyle(ProgressBarStyle.ASCII)
                .setConsumer(new ConsoleProgressBarConsumer(System.err, terminal.columns()))
                .setUpdateIntervalMillis(100)
                .hideEta()
                .build();
      }
      bar.setExtraMessage(expert + rate(done, total));
      bar.stepTo(done);
      if (done == total) {
        close();
      }
    } else {
      long now = System.nanoTime();
      if (done == total || (now - lastLine) / 1e9 >= SECONDS_BETWEEN_LINES) {
        lastLine = now;
        terminal.info("step %d/%d  %s%s", done, total, expert, rate(done, total));
      }
    }
  }

  private String rate(int done, int total) {
    double perStep = (System.nanoTime() - start) / 1e9 / done;
    return String.format(Locale.ROOT, "%.3g s/it, ETA %.0f s", perStep, perStep * (total - done));
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
