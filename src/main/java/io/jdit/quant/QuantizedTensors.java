package io.jdit.quant;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.Quantizer;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.checkpoint.SafeTensorsWriter.Entry;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.ObjectNode;

/**
 * One of a component's files of weights with some layers quantized, written tensor by tensor, in
 * the form of torchao's safetensors files: {@code LAYER._weight_qdata}, {@code LAYER._weight_scale}
 * and, for 4 bits, {@code LAYER._weight_zero_point} take the place of {@code LAYER.weight}. The
 * header describes the tensors of all files: diffusers and transformers keep one shard's list of
 * names.
 */
public final class QuantizedTensors implements AutoCloseable {
  private static final String WEIGHT = ".weight";

  private final SafeTensorsFile source;
  private final Map<String, QuantType> layers;
  private final List<Entry> entries = new ArrayList<>();
  private final Map<String, String> metadata;
  private String held; // layer whose parts are here
  private QuantizedWeight parts;

  /**
   * @param whole the component's checkpoint
   * @param source the file of it, borrowed
   * @param layers types of the layers to quantize, by name; the file may lack some
   */
  public QuantizedTensors(Checkpoint whole, SafeTensorsFile source, Map<String, QuantType> layers) {
    this.source = source;
    this.layers = layers;
    this.metadata = new LinkedHashMap<>(source.metadata());
    for (String name : whole.names()) {
      TensorInfo info = whole.info(name);
      QuantType type = layers.get(layer(name));
      metadata.put(
          name,
          type == null
              ? TorchaoHeader.plain()
              : TorchaoHeader.weight(
                  type, info.shape()[0], info.shape()[1], original(info.dtype())));
    }
    metadata.put(Quantizer.TORCHAO_NAMES, TorchaoHeader.names(whole.names()));
    source.names().forEach(name -> add(source.info(name)));
  }

  private void add(TensorInfo info) {
    String layer = layer(info.name());
    QuantType type = layers.get(layer);
    if (type == null) {
      entries.add(
          new Entry(info.name(), info.dtype(), info.shape(), () -> source.read(info.name())));
      return;
    }
    QuantizedWeight.shapes(type, info.shape()[0], info.shape()[1])
        .forEach(
            (part, shape) ->
                entries.add(
                    new Entry(
                        layer + "." + part,
                        TorchaoHeader.stored(QuantizedWeight.dtype(type, part)),
                        shape,
                        () -> part(layer, part))));
  }

  /** The layer whose weight a tensor is; no layer's name for others. */
  private static String layer(String tensor) {
    return tensor.endsWith(WEIGHT) ? tensor.substring(0, tensor.length() - WEIGHT.length()) : "";
  }

  /** The {@code quantization_config} of a component with these layers. */
  public static ObjectNode settings(ComponentReport report) {
    return TorchaoHeader.settings(List.copyOf(report.quantized().values()), report.skipped());
  }

  /** What is written, in this order. */
  public List<Entry> entries() {
    return entries;
  }

  /** Writes the file; no half file is left. */
  public void write(Path target) throws IOException {
    SafeTensorsWriter.write(target, entries, metadata);
  }

  /** Float8 is no type to compute scales in. */
  private static DType original(DType stored) {
    return stored.bytes() == 1 ? DType.BFLOAT16 : stored;
  }

  /** The parts of a layer follow each other: it is quantized once. */
  private Tensor part(String layer, String part) {
    if (!layer.equals(held)) {
      close();
      try (TensorScope scope = TensorScope.open()) {
        Tensor weight = source.read(layer + WEIGHT);
        parts = QuantizedWeight.of(layers.get(layer), weight.to(original(weight.dtype())));
        parts.parts().values().forEach(TensorScope::detach);
      }
      held = layer;
    }
    Tensor made = parts.parts().get(part);
    return made.viewAs(TorchaoHeader.stored(made.dtype()));
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
