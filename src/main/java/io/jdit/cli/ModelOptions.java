package io.jdit.cli;

import io.jdit.checkpoint.WeightOrigin;
import io.jdit.engine.EmbeddedModel;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which model runs, and on what. */
final class ModelOptions {
  @Option(
      names = "--model-path",
      paramLabel = "DIR|ORG/NAME|shapes",
      defaultValue = EmbeddedModel.NAME,
      description =
          "A diffusers pipeline folder, a model on the Hugging Face hub (from its cache, else downloaded), or the"
              + " embedded model. Default: ${DEFAULT-VALUE}, which draws coloured shapes and nothing else.")
  String modelPath;

  @Mixin private HubOptions hub;

  @Option(
      names = {"--dtype", "--dit-precision"},
      paramLabel = "TYPE",
      description = "float32, bfloat16 or float16. Default: float32 on the CPU, bfloat16 on a GPU.")
  String dtype;

  @Option(
      names = "--device",
      defaultValue = "auto",
      description =
          "cpu, cuda, cuda:N or auto. Default: ${DEFAULT-VALUE}, a GPU where LibTorch sees one.")
  String device;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "CPU threads of one operator. Default: the cores, or OMP_NUM_THREADS.")
  Integer threads;

  @Option(
      names = "--vae-tiling",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description =
          "Decode in blended tiles: less memory. Default: for pictures above 2048 x 2048.")
  Boolean vaeTiling;

  /** The folder of the model; downloads it when it is on the hub and not here. */
  Path locate(Terminal terminal) {
    return locate(modelPath, terminal);
  }

  /** As {@link #locate(Terminal)} for another path with the same options. */
  Path locate(String path, Terminal terminal) {
    return hub.locate(path, terminal);
  }

  /** Threads of one operator; 0 keeps LibTorch's choice. */
  int threads() {
    if (threads != null && threads < 1) {
      throw new IllegalArgumentException("--threads must be >= 1, got " + threads);
    }
    return threads == null ? 0 : threads;
  }

  Strategies strategies() {
    return strategies(Device.parse(device));
  }

  Strategies strategies(Device place) {
    threads();
    Strategies strategies = Strategies.on(place).withVaeTiling(vaeTiling);
    if (!hub.variant().isEmpty()) {
      strategies = strategies.withOrigin(WeightOrigin.files(hub.variant()));
    }
    if (dtype == null) {
      return strategies;
    }
    DType type = DType.parse(dtype);
    if (type == DType.FLOAT64) {
      throw new IllegalArgumentException(
          "unknown dtype '" + dtype + "': use float32, bfloat16 or float16");
    }
    return strategies.withDtype(type);
  }
}
