package io.jdit.tokenizer;

import java.util.HashSet;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * A tokenizer that runs the tokenizer.json of its folder as it stands (transformers class
 * TokenizersBackend).
 */
public final class JsonTokenizer extends EngineTokenizer {
  private JsonTokenizer(TokenizerFiles files, String source, ObjectNode definition, long padId) {
    super(files, source, definition, padId);
  }

  static JsonTokenizer load(TokenizerFiles files) {
    String name = Vocabulary.DEFINITION;
    ObjectNode definition = files.json(name);
    Vocabulary vocabulary = Vocabulary.of(definition, files);
    Vocabulary.characterMap(definition, files);
    definition.remove("decoder");
    SpecialTokens special = SpecialTokens.read(files);
    // The engine takes the first entry of a token, so flags of the definition win over those of the
    // other files.
    ArrayNode added = definition.withArray("added_tokens");
    Set<String> present = new HashSet<>();
    for (JsonNode token : added) {
      present.add(token.path("content").asString(""));
    }
    for (AddedToken token : special.added().values()) {
      Long id = vocabulary.ids().get(token.content());
      if (id != null && present.add(token.content())) {
        added.add(token.toJson(id));
      }
    }
    long pad = vocabulary.require(special.name("pad_token", "<pad>"), "pad_token", files);
    return new JsonTokenizer(files, name, definition, pad);
  }
}
