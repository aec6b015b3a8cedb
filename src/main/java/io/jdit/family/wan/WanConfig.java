package io.jdit.family.wan;

import io.jdit.attention.HeadProjections;
import io.jdit.checkpoint.ModelConfig;

/**
 * Settings of WanTransformer3DModel, read from the transformer's config.json.
 *
 * @param imageDim width of picture embeddings; 0 for a model that takes none
 * @param ropeMaxSeqLen most patches along an axis
 */
public record WanConfig(
    int[] patchSize,
    int numAttentionHeads,
    int attentionHeadDim,
    int inChannels,
    int outChannels,
    int textDim,
    int freqDim,
    int ffnDim,
    int numLayers,
    boolean crossAttnNorm,
    double eps,
    int imageDim,
    int ropeMaxSeqLen) {

  public static WanConfig read(ModelConfig json) {
    json.requireText("qk_norm", "rms_norm_across_heads");
    if (json.has("pos_embed_seq_len")) {
      throw json.error(
          "pos_embed_seq_len is not supported: models of a first and a last picture are not there"
              + " yet");
    }
    int[] patch = json.has("patch_size") ? json.integers("patch_size") : new int[] {1, 2, 2};
    if (patch.length != 3 || patch[0] != 1 || patch[1] < 1 || patch[1] != patch[2]) {
      throw json.error("patch_size must be one frame of a square, [1, 2, 2] for example");
    }
    WanConfig c =
        new WanConfig(
            patch,
            json.integer("num_attention_heads", 40),
            json.integer("attention_head_dim", 128),
            json.integer("in_channels", 16),
            json.integer("out_channels", json.integer("in_channels", 16)),
            json.integer("text_dim", 4096),
            json.integer("freq_dim", 256),
            json.integer("ffn_dim", 13824),
            json.integer("num_layers", 40),
            json.flag("cross_attn_norm", true),
            json.number("eps", 1e-6),
            json.integer("image_dim", 0),
            json.integer("rope_max_seq_len", 1024));
    if (c.attentionHeadDim % 2 != 0 || c.attentionHeadDim < 6) {
      throw json.error(
          "attention_head_dim " + c.attentionHeadDim + " cannot be split over three axes");
    }
    if (json.integer("added_kv_proj_dim", 0) != (c.imageDim == 0 ? 0 : c.innerDim())) {
      throw json.error(
          "added_kv_proj_dim must be "
              + (c.imageDim == 0 ? "null without image_dim" : c.innerDim() + ", heads times dim"));
    }
    return c;
  }

  /** Hidden width D. */
  public int innerDim() {
    return numAttentionHeads * attentionHeadDim;
  }

  /** Latent pixels of a patch's edge. */
  public int patch() {
    return patchSize[1];
  }

  public boolean takesPictureEmbeddings() {
    return imageDim > 0;
  }

  /** Rotary dimensions of frame, row and column. */
  int[] axes() {
    int side = 2 * (attentionHeadDim / 6);
    return new int[] {attentionHeadDim - 2 * side, side, side};
  }

  HeadProjections.Shape heads() {
    return new HeadProjections.Shape(innerDim(), numAttentionHeads, attentionHeadDim, true, eps);
  }
}
