package io.jdit.family.flux1;

import io.jdit.attention.HeadProjections;
import io.jdit.checkpoint.ModelConfig;

/** Settings of FluxTransformer2DModel, read from the transformer's config.json. */
public record FluxConfig(
    int inChannels,
    int outChannels,
    int numLayers,
    int numSingleLayers,
    int numAttentionHeads,
    int attentionHeadDim,
    int jointAttentionDim,
    int pooledProjectionDim,
    boolean guidanceEmbeds,
    int[] axesDimsRope) {

  public static FluxConfig read(ModelConfig json) {
    if (json.integer("patch_size", 1) != 1) {
      throw json.error("patch_size " + json.integer("patch_size") + " is not supported, only 1 is");
    }
    int inChannels = json.integer("in_channels", 64);
    int headDim = json.integer("attention_head_dim", 128);
    int[] axes =
        json.has("axes_dims_rope") ? json.integers("axes_dims_rope") : new int[] {16, 56, 56};
    int sum = 0;
    for (int d : axes) {
      if (d <= 0 || d % 2 != 0) {
        throw json.error("axes_dims_rope holds " + d + ", expected even numbers > 0");
      }
      sum += d;
    }
    if (axes.length != 3 || sum != headDim) {
      throw json.error(
          "axes_dims_rope has "
              + axes.length
              + " axes of "
              + sum
              + " in total, expected 3 axes that add up to attention_head_dim "
              + headDim);
    }
    return new FluxConfig(
        inChannels,
        json.integer("out_channels", inChannels),
        json.integer("num_layers", 19),
        json.integer("num_single_layers", 38),
        json.integer("num_attention_heads", 24),
        headDim,
        json.integer("joint_attention_dim", 4096),
        json.integer("pooled_projection_dim", 768),
        json.flag("guidance_embeds", false),
        axes);
  }

  /** Hidden width D. */
  public int innerDim() {
    return numAttentionHeads * attentionHeadDim;
  }

  HeadProjections.Shape heads() {
    return new HeadProjections.Shape(
        innerDim(), numAttentionHeads, attentionHeadDim, true, FluxTransformer.EPS);
  }
}
