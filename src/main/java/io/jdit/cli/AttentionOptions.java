package io.jdit.cli;

import io.jdit.attention.AttentionBackend;
import io.jdit.config.SettingsFile;
import io.jdit.parallel.ParallelSettings;
import java.util.Map;
import picocli.CommandLine.Option;

/** Which attention kernel computes. */
final class AttentionOptions {
  @Option(
      names = "--attention-backend",
      paramLabel = "NAME",
      description =
          "native; names of other exact kernels (flash, _flash_3, fa ...) are taken for it. Default: the file's"
              + " attention_backend, CACHE_DIT_ATTN_BACKEND, native.")
  String backend;

  /**
   * Checks the attention backend that the option, the file or the environment names.
   *
   * @param layout of the file's parallelism_config, whose backend comes before the file's own
   * @param file may be null
   */
  void check(
      ParallelSettings layout,
      SettingsFile file,
      Map<String, String> environment,
      Terminal terminal) {
    String inFile = file == null ? null : file.attentionBackend();
    String inLayout = layout.attentionBackend();
    String name = environment.get("CACHE_DIT_ATTN_BACKEND");
    String place = "CACHE_DIT_ATTN_BACKEND";
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
