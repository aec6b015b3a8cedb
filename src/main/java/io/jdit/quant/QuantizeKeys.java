package io.jdit.quant;

import io.jdit.config.Catalog;
import io.jdit.config.Key;
import io.jdit.config.ValueType;
import java.util.Arrays;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** The settings of quantization. */
public final class QuantizeKeys {
  private static final ValueType<List<String>> WORDS =
      ValueType.of(
          "a list of parts of layer names",
          QuantizeKeys::words,
          text -> Arrays.stream(text.split(",", -1)).map(String::strip).toList(),
          String::valueOf);

  /** A document of its own form, which {@link QuantizeSection} reads. */
  private static ValueType<JsonNode> document(String expected) {
    return ValueType.of(expected, n -> n, text -> null, JsonNode::toString);
  }

  public static final Key<String> QUANT_TYPE =
      Key.of("quant_type", ValueType.text())
          .withOption("--quantization")
          .withHelp(
              "TYPE",
              "Weights of the transformer's blocks in 8 or 4 bits: "
                  + "float8, float8_weight_only, float8_blockwise, int8, int8_weight_only or int4_weight_only.");
  public static final Key<List<String>> EXCLUDE_LAYERS =
      Key.of("exclude_layers", WORDS)
          .withOption("--quantization-ignored-layers")
          .withHelp(
              "WORD,...",
              "Leave layers alone whose name contains one of these. Default: embedder, embed, modulation, mod.");
  static final Key<Boolean> REGIONAL = Key.of("regional_quantize", ValueType.bool());
  static final Key<JsonNode> COMPONENTS =
      Key.of("components_to_quantize", document("a list of components, or a map of them"));
  static final Key<JsonNode> PRECISION_PLAN =
      Key.of("precision_plan", document("a map of words to types"));
  static final Key<Boolean> PER_TENSOR_FALLBACK =
      Key.of("per_tensor_fallback", ValueType.bool()).withDefault(true);
  static final Key<Boolean> VERBOSE = Key.of("verbose", ValueType.bool()).withDefault(false);

  /** Cache-DiT's kinds of implementation, of which all but one are this one. */
  static final Key<Backend> BACKEND =
      Key.of("backend", ValueType.choice(Backend.class)).withDefault(Backend.AUTO);

  /** Earlier Cache-DiT's: false stands for one scale for a whole tensor. */
  static final Key<Boolean> PER_ROW = Key.of("per_row", ValueType.bool()).withDefault(true);

  // Cache-DiT's own, which only null or an empty value is taken of.
  static final Key<JsonNode> REPEATED_BLOCKS = Key.of("repeated_blocks", document("a list"));
  static final Key<JsonNode> FILTER = Key.of("filter_fn", document("null"));
  static final Key<JsonNode> CALIBRATE = Key.of("calibrate_fn", document("null"));
  static final Key<JsonNode> SERIALIZE = Key.of("serialize_to", document("null"));
  static final Key<JsonNode> SVDQ = Key.of("svdq_kwargs", document("null"));

  enum Backend {
    AUTO,
    TORCHAO,
    AO,
    CACHE_DIT,
    NONE
  }

  /** What commands take. */
  public static final Catalog OPTIONS = Catalog.of(QUANT_TYPE, EXCLUDE_LAYERS);

  /** What a file's {@code quantize_config} takes. */
  static final Catalog SECTION =
      Catalog.of(
          QUANT_TYPE,
          EXCLUDE_LAYERS,
          REGIONAL,
          COMPONENTS,
          PRECISION_PLAN,
          PER_TENSOR_FALLBACK,
          VERBOSE,
          BACKEND,
          PER_ROW,
          REPEATED_BLOCKS,
          FILTER,
          CALIBRATE,
          SERIALIZE,
          SVDQ);

  /** What {@code components_to_quantize} takes of each component. */
  static final Catalog COMPONENT =
      Catalog.of(
          QUANT_TYPE,
          EXCLUDE_LAYERS,
          REGIONAL,
          PRECISION_PLAN,
          PER_TENSOR_FALLBACK,
          PER_ROW,
          BACKEND);

  private QuantizeKeys() {}

  private static List<String> words(JsonNode node) {
    if (node.isString()) {
      return List.of(node.stringValue());
    }
    boolean texts =
        node.isArray() && node.valueStream().allMatch(n -> n.isString() && !n.asString().isBlank());
    return texts ? node.valueStream().map(JsonNode::asString).toList() : null;
  }
}
