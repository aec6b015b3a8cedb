package io.jdit.quant;

import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.SettingsFile;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import io.jdit.quant.QuantizeKeys.Backend;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/** Reads {@code quantize_config} in Cache-DiT's format, and the options that lie over it. */
public final class QuantizeSection {
  private static final String TRANSFORMER = "transformer";

  private QuantizeSection() {}

  /**
   * What a file and options ask for.
   *
   * @param file may be null
   * @param options of {@link QuantizeKeys#OPTIONS}
   * @throws ConfigException naming the place and the key
   */
  public static QuantizeConfig read(SettingsFile file, Values options) {
    JsonNode section = file == null ? null : file.section(SettingsFile.QUANTIZE);
    String place = file == null ? "" : file.place(SettingsFile.QUANTIZE);
    Values inFile =
        section == null || ValueType.isNull(section)
            ? null
            : QuantizeKeys.SECTION.read(section, place);
    if (inFile == null && options.get(QuantizeKeys.QUANT_TYPE) == null) {
      if (!options.isEmpty()) {
        throw new ConfigException(
            QuantizeKeys.EXCLUDE_LAYERS.option() + " needs --quantization TYPE");
      }
      return QuantizeConfig.none();
    }
    Values base = inFile == null ? Values.none() : inFile;
    refuseUnsupported(base, place);
    Values values = options.over(base);
    boolean byOption = options.isSet(QuantizeKeys.QUANT_TYPE);
    if (base.get(QuantizeKeys.BACKEND) == Backend.NONE && !byOption) {
      return QuantizeConfig.none();
    }
    LayerPlan plan = plan(values, byOption ? "--quantization" : place, TRANSFORMER);
    Map<String, LayerPlan> components = new LinkedHashMap<>();
    JsonNode others = values.get(QuantizeKeys.COMPONENTS);
    if (others != null) {
      components(others, values, place + ": " + QuantizeKeys.COMPONENTS, components);
    }
    return new QuantizeConfig(plan, components, values.get(QuantizeKeys.VERBOSE));
  }

  private static void components(
      JsonNode node, Values base, String place, Map<String, LayerPlan> plans) {
    if (node.isArray() && node.valueStream().allMatch(JsonNode::isString)) {
      node.forEach(n -> plans.put(n.asString(), plan(base, place, n.asString())));
      return;
    }
    if (!node.isObject()) {
      throw new ConfigException(
          place
              + ": expected "
              + QuantizeKeys.COMPONENTS.type().expected()
              + ", found "
              + ValueType.describe(node));
    }
    for (Map.Entry<String, JsonNode> e : node.properties()) {
      String here = place + "." + e.getKey();
      Values own =
          e.getValue().isString()
              ? Values.of(QuantizeKeys.QUANT_TYPE, e.getValue().asString())
              : QuantizeKeys.COMPONENT.read(e.getValue(), here);
      if (own.get(QuantizeKeys.BACKEND) != Backend.NONE) {
        plans.put(e.getKey(), plan(own.over(base), here, e.getKey()));
      }
    }
  }

  private static LayerPlan plan(Values values, String place, String component) {
    String name = values.get(QuantizeKeys.QUANT_TYPE);
    boolean perRow = values.get(QuantizeKeys.PER_ROW);
    QuantType type =
        oneScale(name == null ? QuantType.FLOAT8_PER_ROW : QuantType.named(name, place), perRow);
    boolean transformer = component.startsWith(TRANSFORMER);
    Boolean asked = values.get(QuantizeKeys.REGIONAL);
    // Other components have no list of blocks that repeat: the whole of them is meant.
    boolean regional = transformer && (asked == null || asked);
    Map<String, QuantType> precision = new LinkedHashMap<>();
    JsonNode words = values.get(QuantizeKeys.PRECISION_PLAN);
    if (words != null && transformer) {
      String here = place + ": " + QuantizeKeys.PRECISION_PLAN;
      if (!words.isObject()) {
        throw new ConfigException(
            here + ": expected a map of words to types, found " + ValueType.describe(words));
      }
      if (!regional) {
        throw new ConfigException(here + " needs regional_quantize: true");
      }
      words
          .properties()
          .forEach(
              e ->
                  precision.put(
                      e.getKey(),
                      QuantType.named(e.getValue().asString(""), here + "." + e.getKey())));
    }
    List<String> exclude = values.get(QuantizeKeys.EXCLUDE_LAYERS);
    return new LayerPlan(
        type,
        exclude == null ? LayerPlan.EXCLUDED : exclude,
        regional,
        precision,
        values.get(QuantizeKeys.PER_TENSOR_FALLBACK));
  }

  private static QuantType oneScale(QuantType type, boolean perRow) {
    if (perRow) {
      return type;
    }
    return switch (type) {
      case FLOAT8_PER_ROW -> QuantType.FLOAT8_PER_TENSOR;
      case INT8_PER_ROW -> QuantType.INT8_PER_TENSOR;
      default -> type;
    };
  }

  private static void refuseUnsupported(Values values, String place) {
    refuse(
        values,
        QuantizeKeys.REPEATED_BLOCKS,
        place,
        "the blocks of every transformer are known by the names of their lists");
    refuse(values, QuantizeKeys.FILTER, place, "a file cannot hold a function; use exclude_layers");
    String svdq = "it is SVDQuant's, which is not supported";
    refuse(values, QuantizeKeys.CALIBRATE, place, svdq);
    refuse(values, QuantizeKeys.SERIALIZE, place, svdq + "; jdit quantize writes a checkpoint");
    refuse(values, QuantizeKeys.SVDQ, place, svdq);
    if (values.get(QuantizeKeys.BACKEND) == Backend.CACHE_DIT) {
      throw new ConfigException(
          place + ": backend cache_dit is not supported: it is SVDQuant's; use auto or torchao");
    }
  }

  private static void refuse(Values values, Key<JsonNode> key, String place, String reason) {
    JsonNode node = values.get(key);
    if (node != null && !(node.isContainer() && node.isEmpty())) {
      throw new ConfigException(place + ": " + key + " is not supported: " + reason);
    }
  }
}
