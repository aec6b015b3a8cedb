package io.jdit.tokenizer;

import io.jdit.checkpoint.ModelFormatException;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The tokens of a model and their ids, out of a tokenizer.json or of the older files.
 *
 * @param ids id by token text
 */
record Vocabulary(Map<String, Long> ids) {
  static final String DEFINITION = "tokenizer.json";

  /**
   * Reads {@code model.vocab}: an object token to id, or a list of (token, score) in the order of
   * the ids.
   */
  static Vocabulary of(ObjectNode definition, TokenizerFiles files) {
    JsonNode vocab = definition.path("model").path("vocab");
    Map<String, Long> ids = vocab instanceof ObjectNode object ? byObject(object) : byList(vocab);
    if (ids.isEmpty()) {
      throw files.malformed(DEFINITION, "model.vocab is missing or empty");
    }
    return new Vocabulary(ids);
  }

  static Map<String, Long> byObject(ObjectNode object) {
    Map<String, Long> ids = new HashMap<>();
    object.properties().forEach(entry -> ids.put(entry.getKey(), entry.getValue().asLong(-1)));
    return ids;
  }

  static Map<String, Long> byList(JsonNode list) {
    Map<String, Long> ids = new HashMap<>();
    long id = 0;
    for (JsonNode entry : list) {
      ids.put(entry.path(0).asString(""), id++);
    }
    return ids;
  }

  /** The id of a special token, which must be part of the vocabulary. */
  long require(String token, String role, TokenizerFiles files) {
    Long id = ids.get(token);
    if (id == null) {
      throw new ModelFormatException(
          files.folder()
              + ": "
              + role
              + " \""
              + token
              + "\" is not in the vocabulary of "
              + ids.size()
              + " tokens");
    }
    return id;
  }

  /**
   * The character map in the normalizer of a tokenizer.json, verified.
   *
   * @throws ModelFormatException if it is not base64 or not a character map
   */
  static Optional<byte[]> characterMap(ObjectNode definition, TokenizerFiles files) {
    JsonNode normalizer = definition.path("normalizer");
    if (normalizer.path("normalizers").isArray()) {
      for (JsonNode part : normalizer.path("normalizers")) {
        if (part.has("precompiled_charsmap")) {
          return Optional.of(decode(part, files));
        }
      }
      return Optional.empty();
    }
    return normalizer.has("precompiled_charsmap")
        ? Optional.of(decode(normalizer, files))
        : Optional.empty();
  }

  /** Verifies every character map of a definition that is handed to the engine as it stands. */
  static void checkCharacterMaps(ObjectNode definition, TokenizerFiles files) {
    for (JsonNode part : definition.findParents("precompiled_charsmap")) {
      decode(part, files);
    }
  }

  private static byte[] decode(JsonNode normalizer, TokenizerFiles files) {
    try {
      byte[] map = Base64.getDecoder().decode(normalizer.path("precompiled_charsmap").asString(""));
      CharacterMap.verify(map);
      return map;
    } catch (IllegalArgumentException e) {
      throw files.malformed(DEFINITION, "precompiled_charsmap: " + e.getMessage());
    }
  }
}
