package io.jdit.pipeline.batch;

import io.jdit.config.ConfigException;
import io.jdit.config.KnownNames;
import java.util.List;
import java.util.function.Predicate;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What one line of a prompt file says; null where it says nothing. The keys are the options' names
 * with underscores.
 */
record BatchLine(
    String prompt,
    String negativePrompt,
    String prompt2,
    Long seed,
    Integer height,
    Integer width,
    Integer numInferenceSteps,
    Double guidanceScale,
    Double trueCfgScale,
    Integer maxSequenceLength,
    Integer numOutputsPerPrompt,
    String outputFileName) {
  private static final List<String> KEYS =
      List.of(
          "prompt",
          "negative_prompt",
          "prompt_2",
          "seed",
          "height",
          "width",
          "num_inference_steps",
          "guidance_scale",
          "true_cfg_scale",
          "max_sequence_length",
          "num_outputs_per_prompt",
          "output_file_name");

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /** A line of a text file: nothing but the prompt. */
  static BatchLine text(String prompt) {
    return new BatchLine(prompt, null, null, null, null, null, null, null, null, null, null, null);
  }

  /**
   * A line of a JSONL file.
   *
   * @throws ConfigException saying what is wrong with it
   */
  static BatchLine json(String text) {
    JsonNode node;
    try {
      node = JSON.readTree(text);
    } catch (JacksonException e) {
      int column = e.getLocation() == null ? 0 : e.getLocation().getColumnNr();
      throw new ConfigException(
          "not one JSON object"
              + (column > 0 ? " (column " + column + ")" : "")
              + ": "
              + e.getOriginalMessage(),
          e);
    }
    if (!node.isObject()) {
      throw new ConfigException("expected a JSON object, found " + shown(node));
    }
    for (String key : node.propertyNames()) {
      if (!KEYS.contains(key)) {
        throw new ConfigException(
            "unknown key '" + key + "'; did you mean '" + KnownNames.nearest(key, KEYS) + "'?");
      }
    }
    String prompt = text(node, "prompt");
    if (prompt == null) {
      throw new ConfigException("the key 'prompt' is missing");
    }
    return new BatchLine(
        prompt,
        text(node, "negative_prompt"),
        text(node, "prompt_2"),
        wholeLong(node, "seed"),
        whole(node, "height"),
        whole(node, "width"),
        whole(node, "num_inference_steps"),
        number(node, "guidance_scale"),
        number(node, "true_cfg_scale"),
        whole(node, "max_sequence_length"),
        whole(node, "num_outputs_per_prompt"),
        text(node, "output_file_name"));
  }

  private static String text(JsonNode node, String key) {
    JsonNode value = value(node, key, JsonNode::isString, "a text");
    return value == null ? null : value.asString();
  }

  private static Integer whole(JsonNode node, String key) {
    JsonNode value =
        value(node, key, v -> v.isIntegralNumber() && v.canConvertToInt(), "a whole number");
    return value == null ? null : value.asInt();
  }

  private static Long wholeLong(JsonNode node, String key) {
    JsonNode value =
        value(
            node, key, v -> v.isIntegralNumber() && v.canConvertToLong(), "a whole 64-bit number");
    return value == null ? null : value.asLong();
  }

  private static Double number(JsonNode node, String key) {
    JsonNode value = value(node, key, JsonNode::isNumber, "a number");
    return value == null ? null : value.asDouble();
  }

  private static JsonNode value(
      JsonNode node, String key, Predicate<JsonNode> fits, String expected) {
    JsonNode value = node.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return null;
    }
    if (!fits.test(value)) {
      throw new ConfigException("'" + key + "' must be " + expected + ", found " + shown(value));
    }
    return value;
  }

  private static String shown(JsonNode value) {
    String text = value.toString();
    return text.length() > 40 ? text.substring(0, 40) + "..." : text;
  }
}
