package io.jdit.tokenizer;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * A token that is cut out of the text before the tokenizer's own splitting.
 *
 * @param content the literal text of the token
 * @param normalized whether it is looked for in the normalized text rather than in the raw one
 * @param lstrip whether it swallows blanks on its left
 * @param rstrip whether it swallows blanks on its right
 * @param singleWord whether it must stand alone
 */
record AddedToken(
    String content, boolean normalized, boolean lstrip, boolean rstrip, boolean singleWord) {

  /** A special token given by its text only: looked for in the raw text. */
  static AddedToken special(String content) {
    return new AddedToken(content, false, false, false, false);
  }

  /**
   * Reads the dictionary form {@code {"content": ..., "normalized": ...}}; absent flags are false.
   */
  static AddedToken read(JsonNode node) {
    return new AddedToken(
        node.path("content").asString(""),
        node.path("normalized").asBoolean(false),
        node.path("lstrip").asBoolean(false),
        node.path("rstrip").asBoolean(false),
        node.path("single_word").asBoolean(false));
  }

  /** The entry of {@code added_tokens} in a tokenizer.json. */
  ObjectNode toJson(long id) {
    return JsonNodeFactory.instance
        .objectNode()
        .put("id", id)
        .put("content", content)
        .put("single_word", singleWord)
        .put("lstrip", lstrip)
        .put("rstrip", rstrip)
        .put("normalized", normalized)
        .put("special", true);
  }
}
