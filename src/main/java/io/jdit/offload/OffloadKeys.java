package io.jdit.offload;

import io.jdit.config.Catalog;
import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.SettingsFile;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** The settings of offloading. */
public final class OffloadKeys {
  private static final ValueType<Double> PREFETCH_SIZE =
      ValueType.of(
          "a share below 1 or a whole number",
          n -> n.isNumber() ? prefetch(n.asDouble()) : null,
          OffloadKeys::prefetch,
          String::valueOf);

  public static final Key<PerformanceMode> MODE =
      Key.of("performance_mode", ValueType.choice(PerformanceMode.class))
          .withDefault(PerformanceMode.AUTO)
          .withAliases("mode")
          .withHelp(
              "MODE",
              "auto: as much stays in memory as fits. speed: everything does. memory: as little as possible. Default:"
                  + " auto.");
  public static final Key<Boolean> DIT =
      offload("dit_cpu_offload", "The transformer is in memory while denoising only.");
  public static final Key<Boolean> TEXT_ENCODER =
      offload("text_encoder_cpu_offload", "Text encoders are in memory while encoding only.");
  public static final Key<Boolean> IMAGE_ENCODER =
      offload("image_encoder_cpu_offload", "The encoder of pictures, likewise.");
  public static final Key<Boolean> VAE =
      offload("vae_cpu_offload", "The autoencoder is in memory for pictures only.");
  public static final Key<Boolean> DIT_LAYERWISE =
      offload(
          "dit_layerwise_offload",
          "Each layer of the transformer is read when it is computed and let go after.");
  public static final Key<Boolean> TEXT_ENCODER_LAYERWISE =
      offload("text_encoder_layerwise_offload", "The same with the layers of text encoders.");
  static final List<Key<Boolean>> SWITCHES =
      List.of(DIT, TEXT_ENCODER, IMAGE_ENCODER, VAE, DIT_LAYERWISE, TEXT_ENCODER_LAYERWISE);

  public static final Key<Double> PREFETCH =
      Key.of("dit_offload_prefetch_size", PREFETCH_SIZE)
          .withHelp(
              "N|SHARE",
              "Layers that are read ahead, from 1 on; below 1 a share of them. Default: 0, one layer.");
  public static final Key<Integer> RESIDENT_LAYERS =
      Key.of("dit_layerwise_resident_layers", ValueType.integerAtLeast(0))
          .withHelp("N", "Layers of the transformer that stay. Default: 0.");
  public static final Key<ResidencyPolicy> RESIDENCY_POLICY =
      Key.of("dit_layerwise_residency_policy", ValueType.choice(ResidencyPolicy.class))
          .withHelp("POLICY", "Which ones: leading or strided. Default: leading.");

  /** What commands and a file's {@code offload_config} take. */
  public static final Catalog OPTIONS =
      Catalog.of(
          MODE,
          DIT,
          TEXT_ENCODER,
          IMAGE_ENCODER,
          VAE,
          DIT_LAYERWISE,
          TEXT_ENCODER_LAYERWISE,
          PREFETCH,
          RESIDENT_LAYERS,
          RESIDENCY_POLICY);

  private OffloadKeys() {}

  private static Key<Boolean> offload(String name, String what) {
    return Key.of(name, ValueType.bool())
        .withHelp("BOOL", what + " Default: as " + MODE.option() + " has it.");
  }

  private static Double prefetch(String text) {
    try {
      return prefetch(Double.parseDouble(text.strip()));
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static Double prefetch(double size) {
    return size >= 0 && (size < 1 || size == Math.rint(size) && size <= Integer.MAX_VALUE)
        ? size
        : null;
  }

  /**
   * Options over a file's {@code offload_config}.
   *
   * @param file may be null
   * @throws ConfigException naming the place and the key
   */
  public static Values read(SettingsFile file, Values options) {
    JsonNode section = file == null ? null : file.section(SettingsFile.OFFLOAD);
    return section == null || ValueType.isNull(section)
        ? options
        : options.over(OPTIONS.read(section, file.place(SettingsFile.OFFLOAD)));
  }
}
