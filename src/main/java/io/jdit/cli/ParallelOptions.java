package io.jdit.cli;

import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import io.jdit.parallel.ParallelKeys;
import io.jdit.parallel.ParallelSection;
import java.time.Duration;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** How a run is laid out over processes; flags lie over the file's {@code parallelism_config}. */
final class ParallelOptions {
  private final CatalogOptions options = new CatalogOptions();

  @Spec
  void declare(CommandSpec spec) {
    options.addTo(spec, ParallelKeys.OPTIONS.keys());
  }

  int numGpus() {
    return options.given().get(ParallelKeys.NUM_GPUS);
  }

  Duration timeout() {
    return Duration.ofSeconds(options.given().get(ParallelKeys.TIMEOUT));
  }

  /**
   * The flags over the section of {@code file}.
   *
   * @param file may be null
   */
  Values settings(SettingsFile file) {
    return file == null
        ? options.given()
        : options
            .given()
            .over(
                ParallelSection.read(
                    file.section(SettingsFile.PARALLELISM), file.place(SettingsFile.PARALLELISM)));
  }
}
