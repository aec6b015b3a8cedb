package io.jdit.pipeline;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.metrics.Memory;
import io.jdit.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** Compares what a model's weights need with what is free, before any of them is read. */
final class MemoryCheck {
  private MemoryCheck() {}

  static void require(ModelFolder model, LoadOptions options) {
    if (!options.device().isCpu()) {
      return;
    }
    require(model, options.dtype(), Memory.available());
  }

  static void require(ModelFolder model, DType dtype, long available) {
    long needed = weightBytes(model, dtype);
    if (needed > available) {
      String smaller =
          dtype.bytes() > 2
              ? String.format(
                  Locale.ROOT,
                  "--dtype bfloat16 needs %.1f GB",
                  weightBytes(model, DType.BFLOAT16) / 1e9)
              : "use a machine with more memory";
      throw new OutOfMemoryException(
          String.format(
              Locale.ROOT,
              "not enough memory for %s: its weights need %.1f GB in %s, %.1f GB are free; %s",
              model.path(),
              needed / 1e9,
              dtype.text(),
              available / 1e9,
              smaller));
    }
  }

  /** Bytes of all weights in {@code dtype}. */
  static long weightBytes(ModelFolder model, DType dtype) {
    long bytes = 0;
    for (String component : model.components().keySet()) {
      Path folder = model.path().resolve(component);
      if (Files.exists(folder.resolve("config.json"))) {
        try (Checkpoint c = Checkpoint.open(folder)) {
          for (String name : c.names()) {
            TensorInfo info = c.info(name);
            bytes +=
                info.elements()
                    * (info.dtype().isFloating() ? dtype.bytes() : info.dtype().bytes());
          }
        }
      }
    }
    return bytes;
  }
}
