package io.jdit.tokenizer;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * Vocabulary and merges of a byte-pair encoding, out of tokenizer.json or of vocab.json and
 * merges.txt.
 *
 * @param source name of the file that they come from, for messages
 * @param vocab id by token
 * @param merges pairs by falling rank
 */
record BpeModel(String source, ObjectNode vocab, ArrayNode merges) {
  private static final String VOCAB = "vocab.json";
  private static final String MERGES = "merges.txt";

  static BpeModel read(TokenizerFiles files) {
    if (files.has(Vocabulary.DEFINITION)) {
      JsonNode model = files.json(Vocabulary.DEFINITION).path("model");
      if (!(model.path("vocab") instanceof ObjectNode vocab)
          || !(model.path("merges") instanceof ArrayNode merges)) {
        throw files.malformed(
            Vocabulary.DEFINITION,
            "expected a BPE model with the objects model.vocab and model.merges");
      }
      return new BpeModel(Vocabulary.DEFINITION, vocab, merges);
    }
    if (files.has(VOCAB) && files.has(MERGES)) {
      return new BpeModel(MERGES, files.json(VOCAB), merges(files));
    }
    throw files.malformed(
        Vocabulary.DEFINITION,
        "not found, and no " + VOCAB + " with " + MERGES + " beside it either");
  }

  /** Reads merges.txt: after an optional version line one pair per line, by falling rank. */
  private static ArrayNode merges(TokenizerFiles files) {
    ArrayNode merges = JsonNodeFactory.instance.arrayNode();
    String[] lines = files.text(MERGES).strip().split("\r?\n");
    for (int i = 0; i < lines.length; i++) {
      if (lines[i].startsWith("#version")) {
        continue;
      }
      String[] pair = lines[i].strip().split(" ");
      if (pair.length != 2) {
        throw files.malformed(
            MERGES, "line " + (i + 1) + " has " + pair.length + " words, expected a pair");
      }
      merges.addArray().add(pair[0]).add(pair[1]);
    }
    return merges;
  }
}
