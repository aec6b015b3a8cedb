package io.jdit.cli;

import io.jdit.attention.AttentionBackend;
import io.jdit.attention.FusedAttention;
import io.jdit.config.ConfigException;
import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import io.jdit.parallel.ParallelKeys;
import io.jdit.tensor.Device;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Which attention kernel computes. */
final class AttentionOptions {
  /** The environments of cache-dit and SGLang, in this order. */
  private static final List<String> VARIABLES =
      List.of("CACHE_DIT_ATTN_BACKEND", "SGLANG_DIFFUSION_ATTENTION_BACKEND");

  private final CatalogOptions options = new CatalogOptions();

  @Spec
  void declare(CommandSpec spec) {
    options.addTo(spec, List.of(ParallelKeys.ATTENTION_BACKEND));
  }

  /**
   * The attention backend that the option, the file or the environment names.
   *
   * @param layout of the file's parallelism_config, whose backend comes before the file's own
   * @param file may be null
   * @throws ConfigException when there is no such backend here
   */
  AttentionBackend backend(
      Values layout, SettingsFile file, Map<String, String> environment, Terminal terminal) {
    String inFile = file == null ? null : file.attentionBackend();
    String inLayout = layout.get(ParallelKeys.ATTENTION_BACKEND);
    String place =
        VARIABLES.stream()
            .filter(v -> !environment.getOrDefault(v, "").isBlank())
            .findFirst()
            .orElse(null);
    String name = place == null ? null : environment.get(place);
    String backend = options.given().get(ParallelKeys.ATTENTION_BACKEND);
    if (backend != null) {
      name = backend;
      place = "--attention-backend";
    } else if (inLayout != null) {
      name = inLayout;
      place = file.name() + ": parallelism_config: attention_backend";
      if (inFile != null && !inFile.equals(inLayout)) {
        terminal.info(
            "warning: %s: attention_backend %s gives way to %s of parallelism_config",
            file.name(), inFile, inLayout);
      }
    } else if (inFile != null) {
      name = inFile;
      place = file.name() + ": attention_backend";
    }
    return name == null ? AttentionBackend.NATIVE : new AttentionBackend(name, place);
  }

  /** Makes the attention of a device, saying what is made of {@code backend} there. */
  static Function<Device, FusedAttention> on(
      AttentionBackend backend, ModelOptions model, Terminal terminal) {
    return device ->
        new FusedAttention(
            backend.kernel(
                device, model.strategies(device).dtype(), line -> terminal.info("%s", line)));
  }
}
