package io.jdit.cli;

import io.jdit.config.SettingsFile;
import picocli.CommandLine.Option;

/** What cache-dit and SGLang ask torch.compile for. */
final class CompileOptions {
  @Option(
      names = {
        "--compile",
        "--enable-torch-compile",
        "--regional-compile",
        "--cuda-graph",
        "--enable-breakable-cuda-graph"
      },
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description =
          "Launch the transformer's blocks as CUDA graphs, on one GPU. Nothing is compiled at run time: the fused kernels"
              + " are compiled beforehand and always used.")
  private boolean compile;

  /**
   * Says what it means here when somebody asks for it.
   *
   * @param file may be null
   */
  void note(SettingsFile file, Terminal terminal) {
    if (asked(file)) {
      terminal.info(
          "%s: blocks are launched as CUDA graphs where one GPU holds them; nothing is compiled at run time, the kernels"
              + " for norms, rotary embedding, gates, GELU and attention are fused already",
          compile ? "--compile" : file.place(SettingsFile.COMPILE));
    }
  }

  /**
   * Whether somebody asks for it.
   *
   * @param file may be null
   */
  boolean asked(SettingsFile file) {
    return compile || file != null && file.compile();
  }
}
