package io.jdit.quant;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.ScaledFloat8;
import io.jdit.checkpoint.StoredType;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.nn.LinearFormat;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What of a component's checkpoint is held in 8 or 4 bits. */
public final class StoredLayers {
  private static final String NOT_STORED = "not quantized in the checkpoint";

  private final Map<String, StoredLayer> layers; // by name
  private final Map<StoredType, Integer> narrow; // float8 weights without scales

  private StoredLayers(Map<String, StoredLayer> layers, Map<StoredType, Integer> narrow) {
    this.layers = layers;
    this.narrow = narrow;
  }

  /**
   * @throws ModelFormatException when weights are quantized in a way that is not supported, naming
   *     file, tensor, what was found and what can be read
   */
  public static StoredLayers of(Checkpoint checkpoint) {
    Map<String, StoredLayer> layers = TorchaoHeader.layers(checkpoint);
    ScaledFloat8 scaled = ScaledFloat8.of(checkpoint);
    scaled.scales().forEach((layer, scale) -> layers.put(layer, scaled(checkpoint, scale, scaled)));
    Map<StoredType, Integer> narrow = new TreeMap<>();
    for (String name : checkpoint.names()) {
      StoredType type = checkpoint.info(name).type();
      boolean float8 = type == StoredType.F8_E4M3 || type == StoredType.F8_E5M2;
      String layer = name.substring(0, Math.max(0, name.lastIndexOf('.')));
      if (float8 && !layers.containsKey(layer) && !scaled.unused().contains(name)) {
        narrow.merge(type, 1, Integer::sum);
      }
    }
    return new StoredLayers(layers, narrow);
  }

  private static StoredLayer scaled(Checkpoint checkpoint, String scale, ScaledFloat8 scaled) {
    TensorInfo info = checkpoint.info(scale);
    return new StoredLayer(
        QuantType.FLOAT8_WEIGHT_ONLY,
        "weight",
        scale.substring(scale.lastIndexOf('.') + 1),
        null,
        info.shape(),
        new long[] {info.elements(), 1},
        scaled.unused());
  }

  /** Of the checkpoint in a folder; nothing where there is none that can be opened. */
  static StoredLayers in(Path folder, String variant) {
    Checkpoint checkpoint;
    try {
      checkpoint = Checkpoint.open(folder, variant);
    } catch (ModelFormatException e) {
      // Whoever reads the weights says what is wrong with them.
      return new StoredLayers(Map.of(), Map.of());
    }
    try (checkpoint) {
      return of(checkpoint);
    }
  }

  boolean isEmpty() {
    return layers.isEmpty() && narrow.isEmpty();
  }

  boolean isQuantized() {
    return !layers.isEmpty();
  }

  /** Numbers of quantized layers by their types. */
  public Map<QuantType, Integer> types() {
    Map<QuantType, Integer> types = new TreeMap<>();
    layers.values().forEach(l -> types.merge(l.type(), 1, Integer::sum));
    return types;
  }

  /** What else a user should know. */
  List<String> notes(String component) {
    return narrow.entrySet().stream()
        .map(
            e ->
                component
                    + ": "
                    + e.getValue()
                    + " tensors are stored in "
                    + e.getKey().text()
                    + " without scales and are widened to the model's dtype")
        .toList();
  }

  /** Reads the quantized layers as they are stored, and the others dense. */
  LinearFormat format(ComponentReport report) {
    return (w, in, out, bias) -> {
      String name = QuantizedFormat.name(w);
      StoredLayer layer = layers.get(name);
      long[] part = w.part(out, in);
      String pattern = LayerPlan.pattern(name);
      if (layer == null) {
        report.add(
            name, new LayerPlan.Choice(null, NOT_STORED, pattern), part[0], part[1], w.dtype());
        return LinearFormat.dense().linear(w, in, out, bias);
      }
      report.add(
          name, new LayerPlan.Choice(layer.type(), null, pattern), part[0], part[1], w.dtype());
      return QuantizedFormat.made(w, out, bias, () -> layer.read(w, in, out));
    };
  }
}
