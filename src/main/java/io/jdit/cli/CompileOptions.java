package io.jdit.cli;

import io.jdit.config.SettingsFile;
import picocli.CommandLine.Option;

/** What cache-dit and SGLang ask torch.compile for. */
final class CompileOptions {
  @Option(
      names = {"--compile", "--enable-torch-compile", "--regional-compile"},
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description =
          "Accepted: the fused kernels are compiled beforehand and always used; nothing is compiled at run time.")
  private boolean compile;

  /**
   * Says what it means here when somebody asks for it.
   *
   * @param file may be null
   */
  void note(SettingsFile file, Terminal terminal) {
    boolean inFile = file != null && file.compile();
    if (compile || inFile) {
      terminal.info(
          "%s: nothing is compiled at run time: the kernels for norms, rotary embedding, gates, GELU and attention are"
              + " fused already, and CUDA graphs are not recorded",
          compile ? "--compile" : file.place(SettingsFile.COMPILE));
    }
  }
}
