package io.jdit.family.flux2;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.textencoder.DecoderConfig;
import io.jdit.tokenizer.PromptTemplate;
import io.jdit.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Collectors;

/** The pipelines of the architecture, which differ in text encoder and guidance. */
enum Variant {
  /** Mistral 3; guidance is an input of the transformer. */
  DEV("Flux2Pipeline", "Mistral3ForConditionalGeneration", "Mistral", 10, 20, 30) {
    @Override
    DecoderConfig textConfig(ModelConfig json) {
      return DecoderConfig.mistral3(json);
    }

    /** Tokenizers that do not begin every text with the first token get it from the template. */
    @Override
    PromptTemplate template(Tokenizer tokenizer) {
      String first = tokenizer.encode("").length == 0 ? "<s>" : "";
      return new PromptTemplate(
          first + "[SYSTEM_PROMPT]" + SYSTEM + "[/SYSTEM_PROMPT][INST]", "[/INST]");
    }
  },
  /** Qwen3 with thinking switched off; guidance is classifier-free, or distilled into the model. */
  KLEIN("Flux2KleinPipeline", "Qwen3ForCausalLM", "Qwen3", 9, 18, 27) {
    @Override
    DecoderConfig textConfig(ModelConfig json) {
      return DecoderConfig.qwen3(json);
    }

    @Override
    PromptTemplate template(Tokenizer tokenizer) {
      PromptTemplate user = PromptTemplate.user();
      return new PromptTemplate(user.before(), user.after() + "<think>\n\n</think>\n\n");
    }
  };

  private static final String SYSTEM =
      "You are an AI that reasons about image descriptions. You give structured responses focusing"
          + " on object relationships, object\nattribution and actions without speculation.";

  private final String className;
  private final String encoderClass;
  private final String tokenizerName;
  private final int[] states;

  Variant(String className, String encoderClass, String tokenizerName, int... states) {
    this.className = className;
    this.encoderClass = encoderClass;
    this.tokenizerName = tokenizerName;
    this.states = states;
  }

  static Set<String> classNames() {
    return Arrays.stream(values()).map(v -> v.className).collect(Collectors.toSet());
  }

  static Variant of(ModelFolder folder) {
    return Arrays.stream(values())
        .filter(v -> v.className.equals(folder.className()))
        .findFirst()
        .orElseThrow();
  }

  /** Class of the text encoder. */
  String encoderClass() {
    return encoderClass;
  }

  /** What users know the tokenizer by. */
  String tokenizerName() {
    return tokenizerName;
  }

  /** Hidden states of the text encoder whose features, side by side, stand for a prompt. */
  int[] states() {
    return states.clone();
  }

  abstract DecoderConfig textConfig(ModelConfig json);

  abstract PromptTemplate template(Tokenizer tokenizer);
}
