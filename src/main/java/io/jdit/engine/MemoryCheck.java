package io.jdit.engine;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.TensorSource;
import io.jdit.pipeline.OutOfMemoryException;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.ToIntFunction;
import java.util.function.ToLongFunction;

/**
 * Compares what a model's weights need with what is free, before any of them is read.
 *
 * @param strategies of the weights: which files, held how
 * @param holders ranks that hold a component's weights between them
 * @param processes of this machine, each with its share
 */
record MemoryCheck(
    ModelFolder model, Strategies strategies, ToIntFunction<String> holders, int processes) {
  /** Three channels of float32. */
  private static final int DECODED_PIXEL_BYTES = 12;

  /**
   * {@code strategies}, where what is resident on the CPU fits into {@code available} bytes; else
   * with parts that take turns.
   *
   * @throws OutOfMemoryException when that does not fit either
   */
  static Strategies placed(ModelFolder model, Strategies strategies, long available) {
    boolean turns = !strategies.placement().keeps("text_encoder");
    if (turns || !strategies.device().isCpu()) {
      return strategies;
    }
    return strategies.withPlacement(
        new MemoryCheck(model, strategies, c -> strategies.linears(c).ranks(), 1)
            .placement(strategies.dtype(), available));
  }

  /**
   * When parts are in memory: all together where they fit, else those of a stage while it runs,
   * which are either one transformer or all the rest.
   *
   * @throws OutOfMemoryException when a stage needs more than {@code available} bytes
   */
  Placement placement(DType dtype, long available) {
    if (weightBytes(dtype) <= available) {
      return Placement.resident();
    }
    require(dtype, available, ", one after the other,", this::stageBytes);
    return Placement.onDemand();
  }

  /**
   * @throws OutOfMemoryException when the weights need more than {@code available} bytes
   */
  void require(DType dtype, long available) {
    require(dtype, available, "", this::weightBytes);
  }

  private void require(DType dtype, long available, String how, ToLongFunction<DType> bytes) {
    long needed = bytes.applyAsLong(dtype);
    if (needed > available) {
      String smaller =
          dtype.bytes() > 2
              ? String.format(
                  Locale.ROOT,
                  "--dtype bfloat16 needs %.1f GB",
                  bytes.applyAsLong(DType.BFLOAT16) / 1e9)
              : "use a machine with more memory";
      throw new OutOfMemoryException(
          String.format(
              Locale.ROOT,
              "not enough memory for %s: its weights%s%s need %.1f GB in %s, %.1f GB are free; %s",
              model.path(),
              processes > 1 ? " on " + processes + " processes" : "",
              how,
              needed / 1e9,
              dtype.text(),
              available / 1e9,
              processes > 1 ? smaller + ", or split the weights with --tp-size" : smaller));
    }
  }

  /**
   * Checks that the decoded pictures alone fit: what cannot end well should not begin.
   *
   * @throws OutOfMemoryException when they need more than {@code available} bytes
   */
  static void requirePixels(Request request, long available) {
    double needed =
        (double) request.outputs() * request.width() * request.height() * DECODED_PIXEL_BYTES;
    if (needed > available) {
      throw new OutOfMemoryException(
          String.format(
              Locale.ROOT,
              "not enough memory for %d x %d x %d pixels: decoded they need %.1f GB, %.1f GB are"
                  + " free; use a smaller size or fewer pictures",
              request.outputs(),
              request.width(),
              request.height(),
              needed / 1e9,
              available / 1e9));
    }
  }

  /** Bytes of the weights in {@code dtype}, of all processes together. */
  long weightBytes(DType dtype) {
    return componentBytes(dtype).values().stream().mapToLong(b -> b).sum();
  }

  /** The most of one stage. */
  private long stageBytes(DType dtype) {
    long transformer = 0;
    long rest = 0;
    for (Map.Entry<String, Long> component : componentBytes(dtype).entrySet()) {
      if (component.getKey().startsWith("transformer")) {
        transformer = Math.max(transformer, component.getValue());
      } else {
        rest += component.getValue();
      }
    }
    return Math.max(transformer, rest);
  }

  private Map<String, Long> componentBytes(DType dtype) {
    Map<String, Long> saved = QuantizationSurvey.savedBytes(model, strategies.withDtype(dtype));
    Map<String, Long> bytes = new LinkedHashMap<>();
    for (String component : model.components().keySet()) {
      Path folder = model.path().resolve(component);
      if (Files.exists(folder.resolve("config.json"))) {
        try (TensorSource c = strategies.origin().open(folder)) {
          long all = -saved.getOrDefault(component, 0L);
          boolean asStored = QuantizationSurvey.isStored(strategies.formats(), component);
          for (String name : c.names()) {
            TensorInfo tensor = c.info(name);
            all += asStored && name.contains("._weight_") ? tensor.bytes() : tensor.bytesAs(dtype);
          }
          // At least: layers that are not split add to it.
          bytes.put(component, processes * (all / holders.applyAsInt(component)));
        }
      }
    }
    return bytes;
  }
}
