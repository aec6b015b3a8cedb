package io.jdit.cli;

import io.jdit.config.SettingsFile;
import io.jdit.pipeline.LinearFormats;
import io.jdit.quant.Quantization;
import io.jdit.quant.QuantizeConfig;
import io.jdit.quant.QuantizeKeys;
import io.jdit.quant.QuantizeSection;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** How weights are held; options lie over the file's {@code quantize_config}. */
final class QuantizeOptions {
  private final CatalogOptions options = new CatalogOptions();

  @Spec
  void declare(CommandSpec spec) {
    options.addTo(spec, QuantizeKeys.OPTIONS.keys());
  }

  /**
   * @param file may be null
   */
  QuantizeConfig config(SettingsFile file) {
    return QuantizeSection.read(file, options.given());
  }

  /** As {@link #config}, as the formats of a model's layers. */
  LinearFormats formats(SettingsFile file) {
    return Quantization.of(config(file));
  }
}
