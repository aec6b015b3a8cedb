package io.jdit.server;

import io.javalin.http.Context;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** JSON of requests and answers. */
final class Json {
  private static final int DEEPEST = 16;

  static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(DEEPEST)
                          .maxStringLength(Integer.MAX_VALUE) // pictures; the body has a limit
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
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
    return node;
  }

  /** Null when the text is no object. */
  static JsonNode object(String text) {
    try {
      JsonNode node = MAPPER.readTree(text);
      return node.isObject() ? node : null;
    } catch (JacksonException e) {
      return null;
    }
  }

  static void answer(Context ctx, Object value) {
    ctx.contentType("application/json").result(MAPPER.writeValueAsBytes(value));
  }
}
