package io.jdit.pipeline;

import io.jdit.checkpoint.ModelFormatException;
import io.jdit.metrics.Memory;
import io.jdit.tensor.DType;
import io.jdit.tensor.DeviceWorker;
import java.nio.file.Path;

/** Opens model folders. */
public final class Pipelines {
  private Pipelines() {}

  /**
   * Loads the pipeline in a folder of the diffusers layout.
   *
   * @throws ModelFormatException when a file is missing, broken or of an unsupported class
   * @throws OutOfMemoryException when the weights do not fit into free memory; checked before
   *     anything is read
   */
  public static Pipeline load(Path folder, LoadOptions options) {
    ModelFolder model = open(folder);
    if (options.device().isCpu()) {
      new MemoryCheck(model, WeightShares.of(options), 1)
          .require(options.dtype(), Memory.available());
    }
    DeviceWorker worker =
        new DeviceWorker("jdit-" + options.device(), options.device(), options.threads());
    try {
      return worker.call(() -> new FluxPipeline(model, options, worker));
    } catch (RuntimeException e) {
      worker.close();
      throw OutOfMemoryException.translate(
          e,
          "the weights of " + folder + " on " + options.device(),
          "use --dtype bfloat16, or split them over several ranks with --tp-size");
    } catch (Exception e) {
      worker.close();
      throw new IllegalStateException(e);
    }
  }

  /**
   * Checks that the weights of several CPU processes fit into this machine's memory.
   *
   * @param shares what each of them loads
   * @throws OutOfMemoryException when they do not
   */
  public static void requireMemory(Path folder, DType dtype, WeightShares shares, int processes) {
    new MemoryCheck(open(folder), shares, processes).require(dtype, Memory.available());
  }

  /**
   * What the pipeline in a folder takes, without loading it.
   *
   * @throws ModelFormatException when a configuration is missing, broken or of an unsupported class
   */
  public static RequestResolver requests(Path folder) {
    return FluxRequests.of(open(folder));
  }

  private static ModelFolder open(Path folder) {
    ModelFolder model = ModelFolder.open(folder);
    if (!model.className().equals("FluxPipeline")) {
      throw new ModelFormatException(
          "pipeline class "
              + model.className()
              + " of "
              + folder
              + " is not supported, FluxPipeline is");
    }
    return model;
  }
}
