package io.jdit.family.qwenimage;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.Weights;
import io.jdit.media.Picture;
import io.jdit.nn.LinearFactory;
import io.jdit.pipeline.Condition;
import io.jdit.pipeline.KeptConditions;
import io.jdit.pipeline.Part;
import io.jdit.pipeline.Parts;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.textencoder.DecoderConfig;
import io.jdit.textencoder.DecoderModel;
import io.jdit.textencoder.PicturePositions;
import io.jdit.textencoder.QwenPictures;
import io.jdit.textencoder.QwenVisionConfig;
import io.jdit.textencoder.QwenVisionTower;
import io.jdit.tokenizer.TokenIds;
import io.jdit.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Prompts, with pictures or without, by Qwen2.5-VL: the hidden states of the prompt in its template
 * after the last norm. Text alone needs no vision tower: then it is not built.
 */
final class PromptEncoder {
  private static final String TOKENS = "image_tokens"; // [1, N, width]
  private static final String CLASS = "Qwen2_5_VLForConditionalGeneration";

  /** What is loaded; vision is null without pictures. */
  private record Models(DecoderModel language, QwenVisionTower vision) {}

  private final Variant variant;
  private final DecoderConfig text;
  private final QwenVisionConfig vision;
  private final QwenPictures processor;
  private final int pictureId;
  private final Part<Models> models;
  private final Part<Tokenizer> tokenizer;
  private final KeptConditions seen; // pictures after the vision tower

  PromptEncoder(Parts parts, Variant variant) {
    this.variant = variant;
    ModelFolder folder = parts.folder();
    ModelConfig json = folder.config("text_encoder", CLASS);
    text = DecoderConfig.qwen25Vl(json);
    vision = variant.takesPictures() ? QwenVisionConfig.read(json) : null;
    pictureId = json.integer("image_token_id", 151655);
    processor =
        variant.takesPictures()
            ? QwenPictures.read(
                ModelConfig.read(
                    folder
                        .component("processor", "Qwen2VLProcessor", "Qwen2_5_VLProcessor")
                        .resolve("preprocessor_config.json")))
            : null;
    LinearFactory linears = parts.strategies().linears("text_encoder");
    models = parts.part("text_encoder", CLASS, w -> build(w, linears));
    tokenizer = parts.tokenizer("tokenizer");
    seen = parts.own(new KeptConditions(KeptConditions.BYTES));
  }

  private Models build(Weights w, LinearFactory linears) {
    if (vision == null) {
      w.ignoreBelow("visual");
      w.ignoreBelow("model.visual");
    }
    return new Models(
        new DecoderModel(text, w, linears),
        vision == null ? null : new QwenVisionTower(vision, w, linears));
  }

  int width() {
    return text.hiddenSize();
  }

  /** Tokens of a picture of so many pixels. */
  int pictureTokens(int pixels) {
    int edge = processor.patch() * processor.merge();
    return pixels / (edge * edge);
  }

  void done() {
    models.done();
  }

  /**
   * A prompt without pictures.
   *
   * @param limit tokens, the rest is cut
   * @return [1, T, width]
   */
  Tensor encode(String prompt, int limit, List<String> notes) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(withoutTemplate(textAlone(prompt, limit, notes)));
    }
  }

  /**
   * A prompt with pictures, of which nothing is cut.
   *
   * @param contents what the pictures were made of: the vision tower takes the same ones once
   * @return [1, T, width]
   */
  Tensor encode(String prompt, List<Picture> pictures, List<Object> contents) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(withoutTemplate(withPictures(prompt, pictures, contents)));
    }
  }

  private Tensor withoutTemplate(Tensor state) {
    long kept = state.size(1) - variant.dropped();
    return state.narrow(1, variant.dropped(), kept).contiguous();
  }

  private Tensor textAlone(String prompt, int limit, List<String> notes) {
    TokenIds ids = variant.template(0).encode(tokenizer.get(), prompt, variant.dropped() + limit);
    ids.noteIfCut("Qwen2.5-VL", limit, notes);
    // Attention is causal: what is cut off or padding would not be seen by what comes before.
    long[] used = Arrays.copyOf(ids.ids(), ids.length());
    return models.get().language.hiddenStates(used, used.length, text.numHiddenLayers()).get(0);
  }

  private Tensor withPictures(String prompt, List<Picture> pictures, List<Object> contents) {
    List<QwenPictures.Patches> patches = pictures.stream().map(processor::patches).toList();
    QwenVisionTower tower = models.get().vision;
    DecoderModel language = models.get().language;
    long[] ids = expanded(prompt, patches);
    Tensor tokens =
        seen.get(
                contents,
                new ArrayList<>(),
                notes -> new Condition(Map.of(TOKENS, tower.forward(patches).unsqueeze(0))))
            .get(TOKENS);
    Tensor embeds = replaced(language.embed(ids), tokens, ids);
    int merge = processor.merge();
    int[][] positions =
        PicturePositions.of(
            ids,
            pictureId,
            patches.stream()
                .map(p -> new int[] {p.gridHeight() / merge, p.gridWidth() / merge})
                .toList());
    return language.hiddenStates(embeds, positions, ids.length, text.numHiddenLayers()).get(0);
  }

  /** The ids with a picture's place as often as it has tokens. */
  private long[] expanded(String prompt, List<QwenPictures.Patches> patches) {
    var template = variant.template(patches.size());
    long[] ids = tokenizer.get().encode(template.before() + prompt + template.after());
    List<Long> all = new ArrayList<>();
    int picture = 0;
    for (long id : ids) {
      int times = 1;
      if (id == pictureId) {
        if (picture == patches.size()) {
          throw new IllegalArgumentException("the prompt may not hold the token <|image_pad|>");
        }
        times = models.get().vision.tokens(patches.get(picture++));
      }
      for (int i = 0; i < times; i++) {
        all.add(id);
      }
    }
    return all.stream().mapToLong(Long::longValue).toArray();
  }

  /** The embeddings with the pictures' tokens, in order, in their places. */
  private Tensor replaced(Tensor embeds, Tensor tokens, long[] ids) {
    List<Tensor> pieces = new ArrayList<>();
    long taken = 0;
    for (int start = 0; start < ids.length; ) {
      boolean picture = ids[start] == pictureId;
      int end = start;
      while (end < ids.length && (ids[end] == pictureId) == picture) {
        end++;
      }
      pieces.add(
          picture ? tokens.narrow(1, taken, end - start) : embeds.narrow(1, start, end - start));
      taken += picture ? end - start : 0;
      start = end;
    }
    return Tensor.cat(1, pieces.toArray(Tensor[]::new));
  }
}
