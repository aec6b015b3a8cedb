package io.jdit.tokenizer;

import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * The tokenizer of CLIP text encoders: byte-level BPE over lower-cased text, framed by a begin and
 * an end token. Vocabulary and merges come from tokenizer.json or from vocab.json and merges.txt;
 * the pipeline around them is always the one that transformers 5 builds for {@code CLIPTokenizer},
 * whatever a tokenizer.json says of its own.
 */
public final class ClipTokenizer extends EngineTokenizer {
  /**
   * Words, single digits and runs of other symbols; the contractions match lower-cased text only.
   */
  private static final String WORDS =
      "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+";

  private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

  private ClipTokenizer(TokenizerFiles files, String source, ObjectNode definition, long padId) {
    super(files, source, definition, padId);
  }

  static ClipTokenizer load(TokenizerFiles files) {
    BpeModel bpe = BpeModel.read(files);
    return build(files, bpe.source(), bpe.vocab(), bpe.merges());
  }

  private static ClipTokenizer build(
      TokenizerFiles files, String source, ObjectNode vocab, ArrayNode merges) {
    SpecialTokens special = SpecialTokens.read(files);
    Vocabulary vocabulary = new Vocabulary(Vocabulary.byObject(vocab));
    String bos = special.name("bos_token", "<|startoftext|>");
    String eos = special.name("eos_token", "<|endoftext|>");
    String unknown = special.name("unk_token", "<|endoftext|>");
    long bosId = vocabulary.require(bos, "bos_token", files);
    long eosId = vocabulary.require(eos, "eos_token", files);
    long padId = vocabulary.require(special.name("pad_token", "<|endoftext|>"), "pad_token", files);
    vocabulary.require(unknown, "unk_token", files);

    ObjectNode definition = JSON.objectNode();
    special.toJson(definition.putArray("added_tokens"), vocabulary.ids());
    definition.set("normalizer", normalizer());
    definition.set("pre_tokenizer", preTokenizer());
    ObjectNode frame = definition.putObject("post_processor").put("type", "RobertaProcessing");
    frame.putArray("sep").add(eos).add(eosId);
    frame.putArray("cls").add(bos).add(bosId);
    frame.put("trim_offsets", false).put("add_prefix_space", false);
    ObjectNode model = definition.putObject("model").put("type", "BPE").put("unk_token", unknown);
    model.put("continuing_subword_prefix", "").put("end_of_word_suffix", "</w>");
    model.set("vocab", vocab);
    model.set("merges", merges);
    return new ClipTokenizer(files, source, definition, padId);
  }

  private static ObjectNode normalizer() {
    ObjectNode sequence = JSON.objectNode().put("type", "Sequence");
    ArrayNode steps = sequence.putArray("normalizers");
    steps.addObject().put("type", "NFC");
    ObjectNode blanks = steps.addObject().put("type", "Replace").put("content", " ");
    blanks.putObject("pattern").put("Regex", "\\s+");
    steps.addObject().put("type", "Lowercase");
    return sequence;
  }

  private static ObjectNode preTokenizer() {
    ObjectNode sequence = JSON.objectNode().put("type", "Sequence");
    ArrayNode steps = sequence.putArray("pretokenizers");
    ObjectNode words = steps.addObject().put("type", "Split");
    words.put("behavior", "Removed").put("invert", true).putObject("pattern").put("Regex", WORDS);
    ObjectNode bytes = steps.addObject().put("type", "ByteLevel");
    bytes.put("add_prefix_space", false).put("trim_offsets", true).put("use_regex", true);
    return sequence;
  }
}
