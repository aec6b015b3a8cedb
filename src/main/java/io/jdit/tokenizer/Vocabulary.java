package io.jdit.tokenizer;

import io.jdit.checkpoint.ModelFormatException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
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
   * the ids. Tokens of {@code added_tokens} may be in neither.
   */
  static Vocabulary of(ObjectNode definition, TokenizerFiles files) {
    JsonNode vocab = definition.path("model").path("vocab");
    Map<String, Long> ids = vocab instanceof ObjectNode object ? byObject(object) : byList(vocab);
    if (ids.isEmpty()) {
      throw files.malformed(DEFINITION, "model.vocab is missing or empty");
    }
    for (JsonNode token : definition.path("added_tokens")) {
      ids.putIfAbsent(token.path("content").asString(""), token.path("id").asLong(-1));
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
   * The first character map in the normalizer of a tokenizer.json. All of them are verified: the
   * engine ends the process on a damaged one.
   *
   * @throws ModelFormatException if one is missing its map, or that is not base64 or not a
   *     character map
   */
  static Optional<byte[]> characterMap(ObjectNode definition, TokenizerFiles files) {
    return characterMaps(definition.path("normalizer"), files).findFirst();
  }

  private static Stream<byte[]> characterMaps(JsonNode normalizer, TokenizerFiles files) {
    if (normalizer.path("type").asString("").equals("Precompiled")) {
      return Stream.of(decode(normalizer, files));
    }
    List<byte[]> maps = new ArrayList<>();
    normalizer.forEach(part -> characterMaps(part, files).forEach(maps::add));
    return maps.stream();
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
