package io.jdit.cli;

import io.jdit.checkpoint.DownloadProgress;
import java.util.LinkedHashMap;
import java.util.Map;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Draws a download: a bar of all bytes on a terminal, a line per file elsewhere. */
final class DownloadDisplay implements DownloadProgress, AutoCloseable {
  private final Terminal terminal;
  private final Map<String, Long> present = new LinkedHashMap<>();
  private long total;
  private ProgressBar bar;

  DownloadDisplay(Terminal terminal) {
    this.terminal = terminal;
  }

  @Override
  public synchronized void started(String file, long have, long size) {
    present.put(file, have);
    total += Math.max(0, size);
    if (terminal.interactive()) {
      if (bar == null) {
        bar =
            new ProgressBarBuilder()
                .setTaskName("download")
                .setStyle(ProgressBarStyle.ASCII)
                .setUnit(" MB", 1_000_000)
                .showSpeed()
                .setMaxRenderedLength(terminal.columns())
                .build();
      }
      bar.maxHint(total);
    } else {
      terminal.info("downloading %s (%.1f MB)", file, size / 1e6);
    }
  }

  @Override
  public synchronized void advanced(String file, long have) {
    present.put(file, have);
    if (bar != null) {
      bar.stepTo(present.values().stream().mapToLong(Long::longValue).sum());
    }
  }

  @Override
  public synchronized void finished(String file) {
    if (bar == null) {
      terminal.info("downloaded %s", file);
    }
  }

  @Override
  public synchronized void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
