package io.jdit.cli;

import io.jdit.cache.CacheFile;
import io.jdit.config.Values;
import io.jdit.parallel.ParallelKeys;
import io.jdit.parallel.ParallelSection;
import java.time.Duration;

/** How a run is laid out over processes; flags lie over the file's {@code parallelism_config}. */
final class ParallelOptions extends CatalogOptions {
  ParallelOptions() {
    super(ParallelKeys.OPTIONS.keys(), null);
  }

  int numGpus() {
    return given().get(ParallelKeys.NUM_GPUS);
  }

  Duration timeout() {
    return Duration.ofSeconds(given().get(ParallelKeys.TIMEOUT));
  }

  /**
   * The flags over the section of {@code file}.
   *
   * @param file may be null
   */
  Values settings(CacheFile file) {
    return file == null
        ? given()
        : given()
            .over(ParallelSection.read(file.parallelism(), file.name() + ": parallelism_config"));
  }
}
