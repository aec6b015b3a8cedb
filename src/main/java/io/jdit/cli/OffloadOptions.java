package io.jdit.cli;

import io.jdit.config.SettingsFile;
import io.jdit.offload.Offload;
import io.jdit.offload.OffloadKeys;
import io.jdit.offload.OffloadSettings;
import io.jdit.pipeline.Placement;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Which weights are in memory when; options lie over the file's {@code offload_config}. */
final class OffloadOptions {
  private final CatalogOptions options = new CatalogOptions();

  @Spec
  void declare(CommandSpec spec) {
    options.addTo(spec, OffloadKeys.OPTIONS.keys());
  }

  /**
   * @param file may be null
   */
  OffloadSettings settings(SettingsFile file) {
    return OffloadSettings.of(OffloadKeys.read(file, options.given()));
  }

  /** As {@link #settings}, of a model that is yet to be found. */
  Placement placement(SettingsFile file) {
    return Offload.of(settings(file));
  }
}
