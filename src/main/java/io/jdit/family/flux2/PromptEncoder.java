package io.jdit.family.flux2;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.LinearFactory;
import io.jdit.pipeline.Part;
import io.jdit.pipeline.Parts;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.textencoder.DecoderConfig;
import io.jdit.textencoder.DecoderModel;
import io.jdit.textencoder.KeyRange;
import io.jdit.tokenizer.TokenIds;
import io.jdit.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;

/**
 * Prompts by Mistral 3 or Qwen3: hidden states of several depths, side by side, of all tokens. The
 * transformer sees padding too. Layers above the deepest state are not loaded, nor is Mistral's
 * vision tower.
 */
final class PromptEncoder {
  private static final String[] VISION = {"vision_tower", "multi_modal_projector"};

  private final Variant variant;
  private final DecoderConfig text;
  private final int[] states;
  private final int deepest;
  private final Part<DecoderModel> model;
  private final Part<Tokenizer> tokenizer;

  PromptEncoder(Parts parts, Variant variant) {
    this.variant = variant;
    states = variant.states();
    deepest = Arrays.stream(states).max().orElseThrow();
    ModelConfig json = parts.folder().config("text_encoder", variant.encoderClass());
    text = variant.textConfig(json);
    if (text.numHiddenLayers() < deepest) {
      throw json.error(
          "num_hidden_layers is "
              + text.numHiddenLayers()
              + ", expected at least "
              + deepest
              + ", the deepest hidden state that stands for a prompt");
    }
    LinearFactory linears = parts.strategies().linears("text_encoder");
    model = parts.part("text_encoder", variant.encoderClass(), w -> build(w, linears));
    tokenizer = parts.tokenizer("tokenizer");
  }

  private DecoderModel build(Weights w, LinearFactory linears) {
    w.ignoreBelow(VISION);
    w.at("model").ignoreBelow(VISION);
    return new DecoderModel(text, w, linears, deepest);
  }

  /** Features of a token. */
  int width() {
    return states.length * text.hiddenSize();
  }

  /**
   * @param limit tokens, those of the template included
   * @return [1, limit, width]
   */
  Tensor encode(String prompt, int limit, List<String> notes) {
    // A picture's place in the text is never meant by it.
    String words = prompt.replace("[IMG]", "");
    TokenIds ids = variant.template(tokenizer.get()).encode(tokenizer.get(), words, limit);
    ids.noteIfCut(variant.tokenizerName(), limit, notes);
    KeyRange keys = new KeyRange(ids.start(), ids.start() + ids.length());
    try (TensorScope scope = TensorScope.open()) {
      List<Tensor> taken = model.get().hiddenStates(ids.ids(), keys, states);
      return scope.keep(Tensor.cat(-1, taken.toArray(Tensor[]::new)));
    }
  }

  void done() {
    model.done();
  }
}
