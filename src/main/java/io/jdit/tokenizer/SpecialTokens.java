package io.jdit.tokenizer;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The special tokens of a model folder, merged the way transformers 5 does: names (bos_token,
 * pad_token, ...) from tokenizer_config.json, then special_tokens_map.json; matching flags from
 * added_tokens_decoder of tokenizer_config.json or, where that is absent, from
 * special_tokens_map.json and the added_tokens of tokenizer.json.
 *
 * @param named token text by role, for example {@code bos_token}
 * @param added every token with matching flags, by its text
 */
record SpecialTokens(Map<String, String> named, Map<String, AddedToken> added) {
  private static final String CONFIG = "tokenizer_config.json";
  private static final String MAP = "special_tokens_map.json";
  private static final String DEFINITION = "tokenizer.json";

  static SpecialTokens read(TokenizerFiles files) {
    ObjectNode config = files.optionalJson(CONFIG);
    ObjectNode map = files.optionalJson(MAP);
    Map<String, AddedToken> added = new LinkedHashMap<>();
    if (config.path("added_tokens_decoder") instanceof ObjectNode decoder) {
      decoder.values().forEach(token -> put(added, token));
    } else {
      map.values().forEach(token -> put(added, token));
      if (files.has(DEFINITION)) {
        files.json(DEFINITION).path("added_tokens").forEach(token -> put(added, token));
      }
    }
    Map<String, String> named = new LinkedHashMap<>();
    readNames(map, named);
    readNames(config, named);
    for (JsonNode token : config.path("additional_special_tokens")) {
      content(token).ifPresent(text -> added.putIfAbsent(text, AddedToken.special(text)));
    }
    for (String text : named.values()) {
      added.putIfAbsent(text, AddedToken.special(text));
    }
    return new SpecialTokens(Map.copyOf(named), added);
  }

  /** The text of the token with this role. */
  String name(String role, String otherwise) {
    return named.getOrDefault(role, otherwise);
  }

  /**
   * The {@code added_tokens} array for a vocabulary; tokens that the vocabulary lacks are left out.
   */
  ArrayNode toJson(ArrayNode target, Map<String, Long> ids) {
    added.values().stream()
        .filter(token -> ids.containsKey(token.content()))
        .sorted((a, b) -> Long.compare(ids.get(a.content()), ids.get(b.content())))
        .forEach(token -> target.add(token.toJson(ids.get(token.content()))));
    return target;
  }

  private static void readNames(ObjectNode source, Map<String, String> named) {
    for (Map.Entry<String, JsonNode> entry : source.properties()) {
      if (entry.getKey().endsWith("_token")) {
        content(entry.getValue()).ifPresent(text -> named.put(entry.getKey(), text));
      }
    }
  }

  private static void put(Map<String, AddedToken> added, JsonNode token) {
    if (token.isObject()) {
      content(token).ifPresent(text -> added.put(text, AddedToken.read(token)));
    }
  }

  /** A token is written as plain text or as a dictionary with the key content. */
  private static Optional<String> content(JsonNode token) {
    JsonNode text = token.isObject() ? token.path("content") : token;
    return text.isString() && !text.asString().isEmpty()
        ? Optional.of(text.asString())
        : Optional.empty();
  }
}
