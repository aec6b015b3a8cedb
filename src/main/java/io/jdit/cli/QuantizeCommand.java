package io.jdit.cli;

import io.jdit.config.SettingsFile;
import io.jdit.engine.QuantizedCopy;
import io.jdit.quant.QuantizeConfig;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code jdit quantize}: a model folder with smaller weights. */
@Command(
    name = "quantize",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    sortOptions = false,
    description =
        "Writes a model with its linear layers in 8 or 4 bits; the result loads as any other model.")
final class QuantizeCommand implements Callable<Integer> {
  @Option(
      names = "--model-path",
      paramLabel = "DIR|ORG/NAME|shapes",
      required = true,
      description = "A diffusers pipeline folder, a model on the hub, or the embedded model.")
  private String modelPath;

  @Option(
      names = "--output-path",
      paramLabel = "DIR",
      required = true,
      description = "The folder to write: new or empty.")
  private Path outputPath;

  @Mixin private QuantizeOptions quantization;

  @Option(
      names = {"--config", "--cache-dit-config"},
      paramLabel = "FILE",
      description = "The section quantize_config of a file in cache-dit's YAML or JSON.")
  private Path config;

  @Mixin private HubOptions hub;

  @Option(names = "--verbose", description = "Print stack traces of errors.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(), spec.commandLine().getErr(), false, System.getenv());
    QuantizeConfig asked = quantization.config(config == null ? null : SettingsFile.read(config));
    if (asked.isNone()) {
      throw new IllegalArgumentException(
          "nothing to quantize: give --quantization TYPE or --config FILE with a quantize_config");
    }
    Path folder = hub.locate(modelPath, terminal);
    new QuantizedCopy(folder, asked, hub.variant(), line -> terminal.info("%s", line))
        .write(outputPath);
    spec.commandLine().getOut().println(outputPath);
    return ExitCode.OK;
  }
}
