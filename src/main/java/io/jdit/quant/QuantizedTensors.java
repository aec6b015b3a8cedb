package io.jdit.quant;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.checkpoint.SafeTensorsWriter.Entry;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A file of weights with some layers quantized, written tensor by tensor. Names are those of
 * torchao's safetensors files: {@code LAYER._weight_qdata}, {@code LAYER._weight_scale} and, for 4
 * bits, {@code LAYER._weight_zero_point} take the place of {@code LAYER.weight}.
 */
public final class QuantizedTensors implements AutoCloseable {
  private static final String WEIGHT = ".weight";

  private final SafeTensorsFile source;
  private final Map<String, QuantType> layers;
  private final List<Entry> entries = new ArrayList<>();
  private String held; // layer whose parts are here
  private QuantizedWeight parts;

  /**
   * @param source borrowed
   * @param layers types of the layers to quantize, by name; the file may lack some
   */
  public QuantizedTensors(SafeTensorsFile source, Map<String, QuantType> layers) {
    this.source = source;
    this.layers = layers;
    for (String name : source.names()) {
      TensorInfo info = source.info(name);
      String layer =
          name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : null;
      QuantType type = layer == null ? null : layers.get(layer);
      if (type == null) {
        entries.add(new Entry(name, info.dtype(), info.shape(), () -> source.read(name)));
      } else {
        QuantizedWeight.shapes(type, info.shape()[0], info.shape()[1])
            .forEach(
                (part, shape) ->
                    entries.add(
                        new Entry(
                            layer + "." + part,
                            QuantizedWeight.dtype(type, part),
                            shape,
                            () -> part(layer, part))));
      }
    }
  }

  /** What is written, in this order. */
  public List<Entry> entries() {
    return entries;
  }

  /** Writes the file; no half file is left. */
  public void write(Path target) throws IOException {
    SafeTensorsWriter.write(target, entries, source.metadata());
  }

  /** The parts of a layer follow each other: it is quantized once. */
  private Tensor part(String layer, String part) {
    if (!layer.equals(held)) {
      close();
      try (TensorScope scope = TensorScope.open()) {
        parts = QuantizedWeight.of(layers.get(layer), source.read(layer + WEIGHT));
        parts.parts().values().forEach(TensorScope::detach);
      }
      held = layer;
    }
    return parts.parts().get(part).alias();
  }

  @Override
  public void close() {
    if (parts != null) {
      parts.parts().values().forEach(Tensor::close);
      parts = null;
      held = null;
    }
  }
}
