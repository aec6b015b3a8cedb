package io.jdit.engine;

import io.jdit.engine.batch.BatchCount;
import io.jdit.media.Picture;
import io.jdit.pipeline.Progress;
import java.nio.file.Path;

/** Who hears of a run: the terminal of the command line, or the log of a server. */
public interface Console {
  /** A line for people. */
  void info(String line);

  /** Something went wrong that does not end the run. */
  void error(String line, Throwable failure);

  /** A generation begins; closed when it is over. */
  Watch watch();

  /** A picture is complete on disk. */
  void saved(Path file, Picture picture);

  /** How far a batch is. */
  default void count(BatchCount count) {}

  /** Hears of one generation. */
  interface Watch extends Progress, AutoCloseable {
    @Override
    default void close() {}
  }

  /** Hears nothing. */
  static Console silent() {
    return new Console() {
      @Override
      public void info(String line) {}

      @Override
      public void error(String line, Throwable failure) {}

      @Override
      public Watch watch() {
        return new Watch() {};
      }

      @Override
      public void saved(Path file, Picture picture) {}
    };
  }
}
