package io.jdit.cli;

import java.util.List;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/**
 * Options of SGLang's command line that have no meaning here. They are accepted, so that a command
 * line can be moved over by replacing the program's name, and said to have no effect.
 */
final class CompatibilityOptions {
  private static final String HIDDEN = "No effect in JDiT.";

  @Option(names = "--backend", hidden = true, description = HIDDEN)
  String backend;

  @Option(names = "--model-id", hidden = true, description = HIDDEN)
  String modelId;

  @Option(
      names = "--trust-remote-code",
      hidden = true,
      arity = "0..1",
      fallbackValue = "true",
      description = HIDDEN)
  String trustRemoteCode;

  @Option(
      names = "--enable-torch-compile",
      hidden = true,
      arity = "0..1",
      fallbackValue = "true",
      description = HIDDEN)
  String enableTorchCompile;

  @Option(
      names = "--regional-compile",
      hidden = true,
      arity = "0..1",
      fallbackValue = "true",
      description = HIDDEN)
  String regionalCompile;

  @Option(
      names = "--dit-cpu-offload",
      hidden = true,
      arity = "0..1",
      fallbackValue = "true",
      description = HIDDEN)
  String ditCpuOffload;

  @Option(
      names = "--text-encoder-cpu-offload",
      hidden = true,
      arity = "0..1",
      fallbackValue = "true",
      description = HIDDEN)
  String textEncoderCpuOffload;

  @Option(
      names = "--image-encoder-cpu-offload",
      hidden = true,
      arity = "0..1",
      fallbackValue = "true",
      description = HIDDEN)
  String imageEncoderCpuOffload;

  @Option(
      names = "--vae-cpu-offload",
      hidden = true,
      arity = "0..1",
      fallbackValue = "true",
      description = HIDDEN)
  String vaeCpuOffload;

  @Option(
      names = "--pin-cpu-memory",
      hidden = true,
      arity = "0..1",
      fallbackValue = "true",
      description = HIDDEN)
  String pinCpuMemory;

  @Option(names = "--sp-degree", hidden = true, description = HIDDEN)
  String spDegree;

  @Option(names = "--generator-device", hidden = true, description = HIDDEN)
  String generatorDevice;

  @Option(names = "--log-level", hidden = true, description = HIDDEN)
  String logLevel;

  /** The options of this group that stand on the command line. */
  List<String> given(CommandSpec spec) {
    return spec.commandLine().getParseResult().matchedOptions().stream()
        .filter(o -> o.hidden() && HIDDEN.equals(o.description()[0]))
        .map(o -> o.longestName())
        .toList();
  }
}
