package io.jdit.tokenizer;

import java.util.Base64;
import java.util.Optional;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The tokenizer of T5 text encoders: unigram pieces over blank-separated words, closed by an end
 * token. Vocabulary and character map come from tokenizer.json or spiece.model; like transformers 5
 * it splits at blanks first and marks every word with a leading U+2581, whatever pre-tokenizer a
 * tokenizer.json has.
 */
public final class T5Tokenizer extends EngineTokenizer {
  private static final String SENTENCE_PIECE = "spiece.model";
  private static final int EXTRA_IDS = 100;
  private static final String WORD_START = "\u2581";

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private T5Tokenizer(TokenizerFiles files, String source, ObjectNode definition, long padId) {
    super(files, source, definition, padId);
  }

  static T5Tokenizer load(TokenizerFiles files) {
    if (files.has(Vocabulary.DEFINITION)) {
      ObjectNode file = files.json(Vocabulary.DEFINITION);
      if (!(file.path("model").path("vocab") instanceof ArrayNode pieces)) {
        throw files.malformed(
            Vocabulary.DEFINITION, "expected a Unigram model with a list of pieces in model.vocab");
      }
      return build(files, Vocabulary.DEFINITION, pieces, Vocabulary.characterMap(file, files));
    }
    if (files.has(SENTENCE_PIECE)) {
      return fromSentencePiece(files);
    }
    throw files.malformed(
        Vocabulary.DEFINITION, "not found, and no " + SENTENCE_PIECE + " beside it either");
  }

  private static T5Tokenizer fromSentencePiece(TokenizerFiles files) {
    try {
      SentencePieceModel model = SentencePieceModel.parse(files.bytes(SENTENCE_PIECE));
      ArrayNode pieces = JSON.arrayNode();
      for (SentencePieceModel.Piece piece : model.pieces()) {
        pieces.addArray().add(piece.text()).add((double) piece.score());
      }
      // The sentinels are no part of the SentencePiece model; their ids follow it in falling order.
      int extraIds = files.optionalJson("tokenizer_config.json").path("extra_ids").asInt(EXTRA_IDS);
      for (int i = Math.min(extraIds, EXTRA_IDS * EXTRA_IDS) - 1; i >= 0; i--) {
        pieces.addArray().add("<extra_id_" + i + ">").add(0.0);
      }
      Optional<byte[]> characterMap =
          Optional.of(model.characterMap()).filter(map -> map.length > 0);
      characterMap.ifPresent(CharacterMap::verify);
      return build(files, SENTENCE_PIECE, pieces, characterMap);
    } catch (IllegalArgumentException e) {
      throw files.malformed(SENTENCE_PIECE, e.getMessage());
    }
  }

  private static T5Tokenizer build(
      TokenizerFiles files, String source, ArrayNode pieces, Optional<byte[]> characterMap) {
    SpecialTokens special = SpecialTokens.read(files);
    Vocabulary vocabulary = new Vocabulary(Vocabulary.byList(pieces));
    for (int i = 0; i < EXTRA_IDS; i++) {
      AddedToken sentinel = AddedToken.special("<extra_id_" + i + ">");
      special.added().putIfAbsent(sentinel.content(), sentinel);
    }
    String eos = special.name("eos_token", "</s>");
    long eosId = vocabulary.require(eos, "eos_token", files);
    long unknownId = vocabulary.require(special.name("unk_token", "<unk>"), "unk_token", files);
    long padId = vocabulary.require(special.name("pad_token", "<pad>"), "pad_token", files);

    ObjectNode definition = JSON.objectNode();
    special.toJson(definition.putArray("added_tokens"), vocabulary.ids());
    characterMap.ifPresent(
        map ->
            definition
                .putObject("normalizer")
                .put("type", "Precompiled")
                .put("precompiled_charsmap", Base64.getEncoder().encodeToString(map)));
    definition.set("pre_tokenizer", preTokenizer());
    definition.set("post_processor", postProcessor(eos, eosId));
    ObjectNode model =
        definition.putObject("model").put("type", "Unigram").put("unk_id", unknownId);
    model.set("vocab", pieces);
    model.put("byte_fallback", false);
    return new T5Tokenizer(files, source, definition, padId);
  }

  private static ObjectNode preTokenizer() {
    ObjectNode sequence = JSON.objectNode().put("type", "Sequence");
    ArrayNode steps = sequence.putArray("pretokenizers");
    steps.addObject().put("type", "WhitespaceSplit");
    ObjectNode words = steps.addObject().put("type", "Metaspace").put("replacement", WORD_START);
    words.put("prepend_scheme", "always").put("split", true);
    return sequence;
  }

  private static ObjectNode postProcessor(String eos, long eosId) {
    ObjectNode template = JSON.objectNode().put("type", "TemplateProcessing");
    ArrayNode single = template.putArray("single");
    single.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
    single.addObject().putObject("SpecialToken").put("id", eos).put("type_id", 0);
    ArrayNode pair = template.putArray("pair");
    pair.addObject().putObject("Sequence").put("id", "A").put("type_id", 0);
    pair.addObject().putObject("Sequence").put("id", "B").put("type_id", 0);
    ObjectNode token = template.putObject("special_tokens").putObject(eos).put("id", eos);
    token.putArray("ids").add(eosId);
    token.putArray("tokens").add(eos);
    return template;
  }
}
