package io.jdit.quant;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.StoredType;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.tensor.DType;
import io.jdit.tensor.Shapes;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/**
 * A quantized tensor as torchao describes it in the header of a safetensors file: its class, the
 * class's fields, and which tensors hold its parts. {@link TorchaoHeader} has the document.
 *
 * @param name in the files, for example {@code transformer_blocks.0.attn.to_q.weight}
 */
record TorchaoTensor(Checkpoint checkpoint, String name, JsonNode description) {
  private static final String WEIGHT = ".weight";
  private static final List<String> CLASSES = List.of("Float8Tensor", "Int8Tensor", "Int4Tensor");

  /** Fields of a class that decide what is computed, with the only value that is known here. */
  private static final List<String[]> ONLY =
      List.of(
          new String[] {"float8_dtype", "float8_e4m3fn"},
          new String[] {"hp_value_lb", ""},
          new String[] {"hp_value_ub", ""},
          new String[] {"mapping_type", "SYMMETRIC"},
          new String[] {"reduce_range", "false"});

  /**
   * A tensor under the name that it has in the files. transformers describes tensors by the names
   * of its modules, which may begin in another way: {@code encoder.layers.0} is {@code
   * text_model.encoder.layers.0} in a file.
   *
   * @param name in the description
   */
  static TorchaoTensor of(Checkpoint checkpoint, String name, JsonNode description) {
    String tail = name;
    while (checkpoint.info(partName(name, "qdata")) == null && tail.contains(".")) {
      String end = "." + partName(tail, "qdata");
      List<String> found =
          checkpoint.names().stream().filter(n -> ("." + n).endsWith(end)).toList();
      if (found.size() == 1) {
        String start = ("." + found.get(0)).replace(end, ".").substring(1);
        return new TorchaoTensor(checkpoint, start + tail, description);
      }
      tail = tail.substring(tail.indexOf('.') + 1);
    }
    return new TorchaoTensor(checkpoint, name, description);
  }

  /**
   * The layer whose weight this is.
   *
   * @throws ModelFormatException when it is of a class, a granularity or a layout that is not
   *     computed with
   */
  StoredLayer layer() {
    if (!name.endsWith(WEIGHT)) {
      throw unreadable("no weight of a linear layer", "weights of linear layers");
    }
    QuantType type = type();
    boolean packed = type.scales() == QuantType.Scales.PER_GROUP;
    boolean zeros = parts().contains("zero_point");
    if (packed && !zeros) {
      throw unreadable("without zero_point", "4 bits with zero points");
    }
    TensorInfo codes = part("qdata");
    TensorInfo scale = part("scale");
    // torchao packs two codes of 4 bits into an int8.
    boolean bits = codes.type().dtype().filter(d -> coded(type, d)).isPresent();
    if (!bits || codes.shape().length != 2) {
      throw unreadable(
          codes.type() + " of " + codes.shape().length + " dimensions",
          type.codes().safetensorsName() + " of two dimensions");
    }
    if (zeros && !packed && part("zero_point").type() != StoredType.I8) {
      throw unreadable("zero points in " + part("zero_point").type(), "zero points of int8, all 0");
    }
    long out = codes.shape()[0];
    long in = codes.shape()[1] * (packed ? 2 : 1);
    long[] grid = grid(type, out, in);
    if (Shapes.elements(scale.shape()) != Shapes.elements(grid)) {
      throw unreadable(
          "scales of " + Shapes.elements(scale.shape()) + " numbers",
          Shapes.elements(grid) + " for " + out + " x " + in);
    }
    if (packed && scale.type().dtype().filter(d -> d == DType.BFLOAT16).isEmpty()) {
      throw unreadable("scales in " + scale.type(), "scales of 4 bits in BF16");
    }
    return new StoredLayer(
        type,
        QuantizedWeight.CODES,
        QuantizedWeight.SCALE,
        zeros ? QuantizedWeight.ZERO : null,
        scale.shape(),
        grid,
        List.of());
  }

  /** Name of the layer whose weight this should be. */
  String layerName() {
    return name.endsWith(WEIGHT) ? name.substring(0, name.length() - WEIGHT.length()) : name;
  }

  private static boolean coded(QuantType type, DType found) {
    return found == type.codes() || found == TorchaoHeader.stored(type.codes());
  }

  private QuantType type() {
    JsonNode activation = data().path("act_quant_kwargs");
    boolean dynamic = activation.isObject();
    if (dynamic) {
      ONLY.forEach(o -> only(activation.path("_data"), o[0], o[1]));
    }
    String granularity = dynamic ? granularity(activation.path("_data").path("granularity")) : "";
    String kind = description.path("_type").asString("");
    QuantType type =
        switch (kind + " " + granularity) {
          case "Float8Tensor " -> QuantType.FLOAT8_WEIGHT_ONLY;
          case "Float8Tensor PerRow" -> QuantType.FLOAT8_PER_ROW;
          case "Float8Tensor PerTensor" -> QuantType.FLOAT8_PER_TENSOR;
          case "Float8Tensor PerBlock" -> QuantType.FLOAT8_PER_BLOCK;
          case "Int8Tensor " -> QuantType.INT8_WEIGHT_ONLY;
          case "Int8Tensor PerRow" -> QuantType.INT8_PER_ROW;
          case "Int8Tensor PerTensor" -> QuantType.INT8_PER_TENSOR;
          case "Int4Tensor " -> QuantType.INT4_WEIGHT_ONLY;
          default ->
              throw CLASSES.contains(kind)
                  ? unreadable(
                      "activations quantized " + granularity,
                      "activations as they are, PerRow, PerTensor and, in float8, PerBlock of 128")
                  : unreadable("", String.join(", ", CLASSES));
        };
    only(data(), "activation_dtype", "bfloat16");
    Set<String> others = new TreeSet<>(parts());
    others.removeAll(List.of("qdata", "scale", "zero_point"));
    if (!others.isEmpty()) {
      throw unreadable(
          "with " + String.join(", ", others), "activations that are scaled anew in every call");
    }
    return type;
  }

  /** The name of a granularity that activations are quantized by; longer for an unusual one. */
  private static String granularity(JsonNode node) {
    String kind = node.path("_type").asString("");
    JsonNode data = node.path("_data");
    boolean usual =
        switch (kind) {
          case "PerRow" -> data.path("dim").asInt(-1) == -1;
          case "PerBlock" -> sizes(data.path("block_size")).equals(List.of(1L, 128L));
          default -> true;
        };
    return usual ? kind : kind + data;
  }

  /**
   * How many scales there are along each dimension, in the order in which they are stored.
   *
   * @throws ModelFormatException when a block is no multiple of the type's own
   */
  private long[] grid(QuantType type, long out, long in) {
    long[] own = TorchaoHeader.block(type, out, in);
    JsonNode size = data().path("block_size");
    // An empty list is another way to say one scale.
    List<Long> block = size.isArray() && size.isEmpty() ? List.of(out, in) : sizes(size);
    boolean fits =
        block.size() == 2
            && block.stream().allMatch(b -> b > 0)
            && block.get(0) % own[0] == 0
            && block.get(1) % own[1] == 0
            && out % block.get(0) == 0
            && in % block.get(1) == 0;
    if (!fits) {
      throw unreadable(
          "block_size " + size,
          "for " + type.text() + " multiples of [" + own[0] + "," + own[1] + "]");
    }
    long[] grid = {out / block.get(0), in / block.get(1)};
    return type.scales() == QuantType.Scales.PER_GROUP ? new long[] {grid[1], grid[0]} : grid;
  }

  private static List<Long> sizes(JsonNode list) {
    return list.valueStream().map(n -> n.asLong(0)).toList();
  }

  private JsonNode data() {
    return description.path("_data");
  }

  private List<String> parts() {
    return description.path("_tensor_data_names").valueStream().map(n -> n.asString("")).toList();
  }

  private TensorInfo part(String part) {
    TensorInfo info = checkpoint.info(partName(name, part));
    if (info == null) {
      throw new ModelFormatException(
          checkpoint.fileOf(partName(name, part))
              + " lacks tensor "
              + partName(name, part)
              + ", which its header describes");
    }
    return info;
  }

  private static String partName(String name, String part) {
    int dot = name.lastIndexOf('.');
    return name.substring(0, dot + 1) + "_" + name.substring(dot + 1) + "_" + part;
  }

  /** A field that is there and has another value than the only one that is known. */
  private void only(JsonNode fields, String key, String value) {
    JsonNode found = fields.path(key);
    JsonNode plain = found.isObject() ? found.path("_data") : found;
    if (!plain.isMissingNode() && !plain.isNull() && !plain.asString("").equals(value)) {
      throw unreadable(key + " " + plain, value.isEmpty() ? "none" : value);
    }
  }

  private ModelFormatException unreadable(String found, String readable) {
    return new ModelFormatException(
        checkpoint.fileOf(partName(name, "qdata"))
            + ": tensor "
            + name
            + " is torchao's "
            + description.path("_type").asString("")
            + (found.isEmpty() ? "" : " (" + found + ")")
            + ", which is not supported; what can be read: "
            + readable);
  }
}
