package io.jdit.cli;

import io.jdit.attention.AttentionBackend;
import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import io.jdit.parallel.ParallelKeys;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Which attention kernel computes. */
final class AttentionOptions {
  private final CatalogOptions options = new CatalogOptions();

  @Spec
  void declare(CommandSpec spec) {
    options.addTo(spec, List.of(ParallelKeys.ATTENTION_BACKEND));
  }

  /**
   * Checks the attention backend that the option, the file or the environment names.
   *
   * @param layout of the file's parallelism_config, whose backend comes before the file's own
   * @param file may be null
   */
  void check(Values layout, SettingsFile file, Map<String, String> environment, Terminal terminal) {
    String inFile = file == null ? null : file.attentionBackend();
    String inLayout = layout.get(ParallelKeys.ATTENTION_BACKEND);
    String name = environment.get("CACHE_DIT_ATTN_BACKEND");
    String place = "CACHE_DIT_ATTN_BACKEND";
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
    if (name != null) {
      AttentionBackend.check(name, place).ifPresent(terminal::info);
    }
  }
}
