package io.jdit.server;

import io.javalin.http.Context;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.StandardCharsets;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** JSON of requests and answers. */
final class Json {
  private static final int DEEPEST = 16;
  private static final int LONGEST_NAME = 200;

  static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(DEEPEST)
                          .maxNameLength(LONGEST_NAME)
                          .maxStringLength(Integer.MAX_VALUE) // pictures; the body has a limit
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
          .build();

  private Json() {}

  /**
   * The object in a body.
   *
   * @throws ApiException when it is none
   */
  static JsonNode body(Context ctx) {
    byte[] bytes = ctx.bodyAsBytes();
    if (bytes.length == 0) {
      throw ApiException.invalid("the body is empty: expected a JSON object", null);
    }
    JsonNode node;
    try {
      node = MAPPER.readTree(bytes);
    } catch (JacksonException e) {
      throw ApiException.invalid("the body is not JSON: " + e.getOriginalMessage(), null);
    }
    if (!node.isObject()) {
      throw ApiException.invalid("expected a JSON object", null);
    }
    if (!isText(node)) {
      throw ApiException.invalid("the body has half of a surrogate pair, which is no text", null);
    }
    return node;
  }

  /** Null when the text is no object. */
  static JsonNode object(String text) {
    try {
      JsonNode node = MAPPER.readTree(text);
      return node.isObject() && isText(node) ? node : null;
    } catch (JacksonException e) {
      return null;
    }
  }

  /** Whether all names and texts can be written as UTF-8: escapes may name half a character. */
  private static boolean isText(JsonNode node) {
    return isText(node, StandardCharsets.UTF_8.newEncoder());
  }

  private static boolean isText(JsonNode node, CharsetEncoder utf8) {
    return switch (node.getNodeType()) {
      case STRING -> utf8.canEncode(node.stringValue());
      case OBJECT ->
          node.properties().stream()
              .allMatch(e -> utf8.canEncode(e.getKey()) && isText(e.getValue(), utf8));
      case ARRAY -> node.values().stream().allMatch(n -> isText(n, utf8));
      default -> true;
    };
  }

  static void answer(Context ctx, Object value) {
    ctx.contentType("application/json").result(MAPPER.writeValueAsBytes(value));
  }
}
