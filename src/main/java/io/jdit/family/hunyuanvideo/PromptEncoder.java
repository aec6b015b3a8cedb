package io.jdit.family.hunyuanvideo;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.nn.LinearFactory;
import io.jdit.pipeline.Part;
import io.jdit.pipeline.Parts;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.textencoder.ClipTextEncoder;
import io.jdit.textencoder.DecoderConfig;
import io.jdit.textencoder.DecoderModel;
import io.jdit.tokenizer.PromptTemplate;
import io.jdit.tokenizer.TokenIds;
import io.jdit.tokenizer.Tokenizer;
import java.util.List;

/** Prompts by Llama, in a template, and by CLIP. */
final class PromptEncoder {
  /** Tokens of the template before the prompt, whose states are dropped. */
  static final int DROPPED = 95;

  /** Layers whose states are not used, the norm after them neither. */
  private static final int UNUSED_LAYERS = 2;

  private static final PromptTemplate TEMPLATE =
      new PromptTemplate(
          "<|start_header_id|>system<|end_header_id|>\n\nDescribe the video by detailing the"
              + " following aspects: 1. The main content and theme of the video.2. The color,"
              + " shape, size, texture, quantity, text, and spatial relationships of the"
              + " objects.3. Actions, events, behaviors temporal relationships, physical movement"
              + " changes of the objects.4. background environment, light, style and atmosphere.5."
              + " camera angles, movements, and transitions used in the video:<|eot_id|>"
              + "<|start_header_id|>user<|end_header_id|>\n\n",
          "<|eot_id|>");

  /**
   * An encoded prompt.
   *
   * @param embeds of the prompt and its padding, [1, L, hiddenSize]
   * @param length tokens that are no padding
   * @param pooled CLIP's vector, [1, hiddenSize of CLIP]
   */
  record Encoded(Tensor embeds, int length, Tensor pooled) {}

  private final ModelFolder folder;
  private final DecoderConfig llama;
  private final ClipTextEncoder.Config clip;
  private final Part<DecoderModel> textEncoder;
  private final Part<ClipTextEncoder> textEncoder2;
  private final Part<Tokenizer> tokenizer;
  private final Part<Tokenizer> tokenizer2;

  PromptEncoder(Parts parts, HunyuanFolder configs) {
    folder = parts.folder();
    llama = configs.llama();
    clip = configs.clip();
    LinearFactory linears = parts.strategies().linears("text_encoder");
    textEncoder =
        parts.part(
            "text_encoder", HunyuanFolder.LLAMA_CLASS, w -> new DecoderModel(llama, w, linears));
    LinearFactory linears2 =
        parts.strategies().linears("text_encoder_2").sharingHeads(clip.numAttentionHeads());
    textEncoder2 =
        parts.part(
            "text_encoder_2",
            HunyuanFolder.CLIP_CLASS,
            w -> new ClipTextEncoder(clip, w, linears2));
    // The class that the index names is rebuilt by newer libraries as another tokenizer.
    tokenizer = parts.tokenizer("tokenizer", "TokenizersBackend");
    tokenizer2 = parts.tokenizer("tokenizer_2");
  }

  /**
   * @param limit L, tokens of the prompt and the end of its template; the rest is cut
   * @throws ModelFormatException when the tokenizer is another model's
   */
  Encoded encode(String prompt, int limit, List<String> notes) {
    try (TensorScope scope = TensorScope.open()) {
      TokenIds ids = TEMPLATE.encode(tokenizer.get(), prompt, DROPPED + limit);
      ids.noteIfCut("Llama", limit, notes);
      int length = ids.length() - DROPPED;
      if (length < 1) {
        throw folder.mismatch(
            "the tokenizer makes "
                + ids.length()
                + " tokens of a prompt in its template, whose beginning alone should be "
                + DROPPED);
      }
      Tensor states =
          textEncoder
              .get()
              .hiddenStates(ids.ids(), ids.length(), llama.numHiddenLayers() - UNUSED_LAYERS)
              .get(0);
      TokenIds clipIds = tokenizer2.get().encode(prompt, clip.maxPositionEmbeddings());
      clipIds.noteIfCut("CLIP", clip.maxPositionEmbeddings(), notes);
      return new Encoded(
          scope.keep(states.narrow(1, DROPPED, limit).contiguous()),
          length,
          scope.keep(textEncoder2.get().pooled(new long[][] {clipIds.ids()})));
    }
  }

  void done() {
    textEncoder.done();
    textEncoder2.done();
  }
}
