package io.jdit.quant;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.checkpoint.Quantizer;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.tensor.DType;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What torchao writes into the header of a safetensors file: {@code tensor_names}, a JSON list, and
 * for each of these names a JSON object with {@code _type}, the class of the tensor. Quantized
 * tensors have their class's fields in {@code _data} and the names of their parts in {@code
 * _tensor_data_names}: {@code LAYER._weight_qdata} is the part qdata of {@code LAYER.weight}.
 */
final class TorchaoHeader {
  private static final JsonMapper JSON = JsonMapper.shared();
  private static final String PLAIN = "Tensor";

  private TorchaoHeader() {}

  /**
   * The quantized layers that the files of a checkpoint describe, by name.
   *
   * @throws ModelFormatException when a header is not understood, or a tensor is quantized in a way
   *     that is not supported
   */
  static Map<String, StoredLayer> layers(Checkpoint checkpoint) {
    Map<String, String> texts = new LinkedHashMap<>();
    Map<String, StoredLayer> layers = new LinkedHashMap<>();
    for (SafeTensorsFile file : checkpoint.files()) {
      for (String name : names(file)) {
        // Each shard may describe its own tensors, or those of all.
        String text = file.metadata().getOrDefault(name, "");
        String before = texts.put(name, text);
        if (before != null && !before.equals(text)) {
          throw broken(file, name, "is not what other shards say");
        }
        if (before == null) {
          JsonNode description = parse(text);
          if (!description.isObject()) {
            throw broken(file, name, "is no JSON object");
          }
          if (!description.path("_type").asString("").equals(PLAIN)) {
            TorchaoTensor tensor = TorchaoTensor.of(checkpoint, name, description);
            if (layers.put(tensor.layerName(), tensor.layer()) != null) {
              throw broken(file, name, "stands for " + tensor.name() + ", as another does");
            }
          }
        }
      }
    }
    return layers;
  }

  private static List<String> names(SafeTensorsFile file) {
    String text = file.metadata().get(Quantizer.TORCHAO_NAMES);
    if (text == null) {
      return List.of();
    }
    JsonNode names = parse(text);
    if (!names.isArray() || !names.valueStream().allMatch(JsonNode::isString)) {
      throw broken(file, Quantizer.TORCHAO_NAMES, "is no list of names");
    }
    return names.valueStream().map(JsonNode::asString).toList();
  }

  /** Missing where the text is no JSON. */
  private static JsonNode parse(String text) {
    try {
      return JSON.readTree(text);
    } catch (JacksonException e) {
      return JSON.missingNode();
    }
  }

  private static ModelFormatException broken(SafeTensorsFile file, String key, String what) {
    return new ModelFormatException("file " + file.path() + ": metadata " + key + " " + what);
  }

  /** Numbers of a weight [out, in] that share a scale. */
  static long[] block(QuantType type, long out, long in) {
    return switch (type.scales()) {
      case PER_ROW -> new long[] {1, in};
      case PER_TENSOR -> new long[] {out, in};
      case PER_BLOCK -> new long[] {QuantType.BLOCK, QuantType.BLOCK};
      case PER_GROUP -> new long[] {1, QuantType.GROUP};
    };
  }

  /** A tensor that is not quantized. */
  static String plain() {
    return JSON.createObjectNode().put("_type", PLAIN).toString();
  }

  /** Type that a part of a weight is stored as: torchao packs codes of 4 bits into an int8. */
  static DType stored(DType held) {
    return held == DType.UINT8 ? DType.INT8 : held;
  }

  /**
   * The weight [out, in] of a layer.
   *
   * @param dtype before it was quantized
   */
  static String weight(QuantType type, long out, long in, DType dtype) {
    ObjectNode node = JSON.createObjectNode();
    node.put("_type", kind(type));
    ObjectNode data = node.putObject("_data");
    ArrayNode block = data.putArray("block_size");
    for (long size : block(type, out, in)) {
      block.add(size);
    }
    switch (type.codes()) {
      case UINT8 -> {
        data.putArray("shape").add(out).add(in);
        data.set("activation_dtype", typed("torch.dtype", "bfloat16"));
      }
      case INT8 -> {
        data.set("dtype", typed("torch.dtype", dtype.text()));
        data.set("act_quant_kwargs", activation(type));
        data.put("reduce_range", false);
      }
      default -> {
        data.set("mm_config", type.dynamic() ? products(type) : null);
        data.set("act_quant_kwargs", activation(type));
        data.set("kernel_preference", typed("KernelPreference", "AUTO"));
        data.set("dtype", typed("torch.dtype", dtype.text()));
      }
    }
    ArrayNode parts = node.putArray("_tensor_data_names");
    QuantizedWeight.shapes(type, out, in)
        .keySet()
        .forEach(part -> parts.add(part.substring("_weight_".length())));
    return node.toString();
  }

  /** The names of the tensors that a file describes. */
  static String names(Collection<String> tensors) {
    return JSON.writeValueAsString(tensors);
  }

  private static String kind(QuantType type) {
    return switch (type.codes()) {
      case UINT8 -> "Int4Tensor";
      case INT8 -> "Int8Tensor";
      default -> "Float8Tensor";
    };
  }

  private static ObjectNode activation(QuantType type) {
    if (!type.dynamic()) {
      return null;
    }
    ObjectNode data = JSON.createObjectNode();
    boolean int8 = type.codes() == DType.INT8;
    if (!int8) {
      data.set("float8_dtype", typed("torch.dtype", "float8_e4m3fn"));
    }
    data.set("granularity", granularity(type));
    if (int8) {
      data.set("mapping_type", typed("MappingType", "SYMMETRIC"));
      data.put("reduce_range", false);
    } else {
      data.putNull("mm_config").putNull("hp_value_lb").putNull("hp_value_ub");
      data.set("kernel_preference", typed("KernelPreference", "AUTO"));
    }
    return typed(int8 ? "QuantizeTensorToInt8Kwargs" : "QuantizeTensorToFloat8Kwargs", data);
  }

  private static ObjectNode granularity(QuantType type) {
    ObjectNode data = JSON.createObjectNode();
    return switch (type.scales()) {
      case PER_ROW -> typed("PerRow", data.put("dim", -1));
      case PER_TENSOR -> typed("PerTensor", data);
      default -> {
        data.putArray("block_size").add(1).add(QuantType.BLOCK);
        yield typed("PerBlock", data);
      }
    };
  }

  private static ObjectNode products(QuantType type) {
    boolean blocks = type.scales() == QuantType.Scales.PER_BLOCK;
    return typed(
        "Float8MMConfig",
        JSON.createObjectNode()
            .put("emulate", false)
            .put("use_fast_accum", !blocks)
            .put("pad_inner_dim", false));
  }

  /**
   * What diffusers' and transformers' TorchAoConfig say in a component's config.json. It has room
   * for one type: the one that most layers have. Each tensor's own is in the header of its file.
   *
   * @param types of the quantized layers
   * @param skipped names of linear layers that are not quantized
   */
  static ObjectNode settings(List<QuantType> types, List<String> skipped) {
    QuantType type =
        Collections.max(types, Comparator.comparingInt(t -> Collections.frequency(types, t)));
    ObjectNode data = JSON.createObjectNode();
    String name =
        switch (type) {
          case FLOAT8_WEIGHT_ONLY -> "Float8WeightOnlyConfig";
          case INT8_WEIGHT_ONLY -> "Int8WeightOnlyConfig";
          case INT4_WEIGHT_ONLY -> {
            data.put("group_size", QuantType.GROUP);
            yield "Int4WeightOnlyConfig";
          }
          case INT8_PER_ROW, INT8_PER_TENSOR -> {
            data.set("granularity", granularity(type));
            yield "Int8DynamicActivationInt8WeightConfig";
          }
          case FLOAT8_PER_ROW, FLOAT8_PER_TENSOR, FLOAT8_PER_BLOCK -> {
            ArrayNode both = data.putArray("granularity").add(granularity(type));
            ObjectNode weights = granularity(type);
            if (type == QuantType.FLOAT8_PER_BLOCK) {
              ((ObjectNode) weights.path("_data"))
                  .putArray("block_size")
                  .add(QuantType.BLOCK)
                  .add(QuantType.BLOCK);
            }
            both.add(weights);
            yield "Float8DynamicActivationFloat8WeightConfig";
          }
        };
    ObjectNode settings = JSON.createObjectNode().put("quant_method", "torchao");
    settings.putObject("quant_type").set("default", typed(name, data).put("_version", 2));
    skipped.forEach(settings.putArray("modules_to_not_convert")::add);
    return settings;
  }

  private static ObjectNode typed(String type, Object data) {
    ObjectNode node = JSON.createObjectNode().put("_type", type);
    node.set("_data", JSON.valueToTree(data));
    return node;
  }
}
