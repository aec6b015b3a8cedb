package io.jdit.tokenizer;

import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The tokenizer of Qwen2 and its successors: byte-level BPE over NFC text, without begin and end
 * tokens. Vocabulary and merges come from tokenizer.json or from vocab.json and merges.txt; the
 * pipeline around them is the one that transformers 5 builds for {@code Qwen2Tokenizer}.
 */
public final class QwenTokenizer extends EngineTokenizer {
  private static final String CONFIG = "tokenizer_config.json";
  private static final String ADDED = "added_tokens.json";

  /** Contractions, words with the sign before them, single digits, signs, line ends, blanks. */
  private static final String WORDS =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private QwenTokenizer(TokenizerFiles files, String source, ObjectNode definition, long padId) {
    super(files, source, definition, padId);
  }

  static QwenTokenizer load(TokenizerFiles files) {
    BpeModel bpe = BpeModel.read(files);
    SpecialTokens special = SpecialTokens.read(files);
    Map<String, Long> ids = Vocabulary.byObject(bpe.vocab());
    addIds(ids, files);
    files
        .optionalJson(ADDED)
        .propertyNames()
        .forEach(text -> special.added().putIfAbsent(text, AddedToken.special(text)));
    long padId =
        new Vocabulary(ids).require(special.name("pad_token", "<|endoftext|>"), "pad_token", files);

    ObjectNode definition = JSON.objectNode();
    special.toJson(definition.putArray("added_tokens"), ids);
    definition.putObject("normalizer").put("type", "NFC");
    definition.set("pre_tokenizer", preTokenizer());
    ObjectNode model = definition.putObject("model").put("type", "BPE").putNull("unk_token");
    model.put("continuing_subword_prefix", "").put("end_of_word_suffix", "");
    model.set("vocab", bpe.vocab());
    model.set("merges", bpe.merges());
    return new QwenTokenizer(files, bpe.source(), definition, padId);
  }

  /** Ids of the tokens that are no part of the vocabulary: each file that may list them. */
  private static void addIds(Map<String, Long> ids, TokenizerFiles files) {
    for (JsonNode token : files.optionalJson(Vocabulary.DEFINITION).path("added_tokens")) {
      ids.put(token.path("content").asString(""), token.path("id").asLong(-1));
    }
    files
        .optionalJson(ADDED)
        .properties()
        .forEach(entry -> ids.put(entry.getKey(), entry.getValue().asLong(-1)));
    for (var entry : files.optionalJson(CONFIG).path("added_tokens_decoder").properties()) {
      try {
        ids.put(entry.getValue().path("content").asString(""), Long.valueOf(entry.getKey()));
      } catch (NumberFormatException e) {
        throw files.malformed(
            CONFIG, "added_tokens_decoder has the key " + entry.getKey() + ", expected an id");
      }
    }
  }

  private static ObjectNode preTokenizer() {
    ObjectNode sequence = JSON.objectNode().put("type", "Sequence");
    ArrayNode steps = sequence.putArray("pretokenizers");
    ObjectNode words = steps.addObject().put("type", "Split");
    words.put("behavior", "Isolated").put("invert", false);
    words.putObject("pattern").put("Regex", WORDS);
    ObjectNode bytes = steps.addObject().put("type", "ByteLevel");
    bytes.put("add_prefix_space", false).put("trim_offsets", false).put("use_regex", false);
    return sequence;
  }
}
