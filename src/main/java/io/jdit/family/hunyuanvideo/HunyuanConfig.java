package io.jdit.family.hunyuanvideo;

import io.jdit.attention.HeadProjections;
import io.jdit.checkpoint.ModelConfig;
import java.util.Arrays;

/**
 * Settings of HunyuanVideoTransformer3DModel, read from the transformer's config.json.
 *
 * @param patchSize edges of a patch in frames, rows and columns
 * @param mlpWidth width of the feed-forward in double and single blocks
 * @param guidanceEmbeds whether the guidance scale is an input
 * @param ropeAxesDim rotary dimensions of frame, row and column
 */
public record HunyuanConfig(
    int[] patchSize,
    int inChannels,
    int outChannels,
    int numAttentionHeads,
    int attentionHeadDim,
    int numLayers,
    int numSingleLayers,
    int numRefinerLayers,
    int mlpWidth,
    boolean guidanceEmbeds,
    int textEmbedDim,
    int pooledProjectionDim,
    double ropeTheta,
    int[] ropeAxesDim) {

  public static HunyuanConfig read(ModelConfig json) {
    json.requireText("qk_norm", "rms_norm");
    if (json.has("image_condition_type")) {
      throw json.error(
          "image_condition_type is not supported: models that begin with a picture are not there"
              + " yet");
    }
    int patch = json.integer("patch_size", 2);
    if (patch < 1 || json.integer("patch_size_t", 1) != 1) {
      throw json.error("a patch must be one frame: patch_size_t 1 and patch_size 1 or more");
    }
    int inChannels = json.integer("in_channels", 16);
    int heads = json.integer("num_attention_heads", 24);
    int headDim = json.integer("attention_head_dim", 128);
    int[] axes =
        json.has("rope_axes_dim") ? json.integers("rope_axes_dim") : new int[] {16, 56, 56};
    if (axes.length != 3
        || Arrays.stream(axes).anyMatch(d -> d <= 0 || d % 2 != 0)
        || Arrays.stream(axes).sum() != headDim) {
      throw json.error(
          "rope_axes_dim is "
              + Arrays.toString(axes)
              + ", expected 3 even numbers that add up to attention_head_dim "
              + headDim);
    }
    return new HunyuanConfig(
        new int[] {1, patch, patch},
        inChannels,
        json.integer("out_channels", inChannels),
        heads,
        headDim,
        json.integer("num_layers", 20),
        json.integer("num_single_layers", 40),
        json.integer("num_refiner_layers", 2),
        (int) (json.number("mlp_ratio", 4.0) * heads * headDim),
        json.flag("guidance_embeds", true),
        json.integer("text_embed_dim", 4096),
        json.integer("pooled_projection_dim", 768),
        json.number("rope_theta", 256),
        axes);
  }

  /** Hidden width D. */
  public int innerDim() {
    return numAttentionHeads * attentionHeadDim;
  }

  /** Latent pixels of a patch's edge. */
  public int patch() {
    return patchSize[1];
  }

  HeadProjections.Shape heads() {
    return new HeadProjections.Shape(
        innerDim(), numAttentionHeads, attentionHeadDim, true, HunyuanTransformer.EPS);
  }
}
