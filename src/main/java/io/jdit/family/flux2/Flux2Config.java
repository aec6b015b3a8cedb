package io.jdit.family.flux2;

import io.jdit.attention.HeadProjections;
import io.jdit.checkpoint.ModelConfig;
import java.util.Arrays;

/**
 * Settings of Flux2Transformer2DModel, read from the transformer's config.json.
 *
 * @param mlpRatio width of a feed-forward over the hidden width
 * @param timestepGuidanceChannels width of the sinusoids
 * @param eps of all norms
 */
public record Flux2Config(
    int inChannels,
    int outChannels,
    int numLayers,
    int numSingleLayers,
    int numAttentionHeads,
    int attentionHeadDim,
    int jointAttentionDim,
    int timestepGuidanceChannels,
    double mlpRatio,
    boolean guidanceEmbeds,
    int[] axesDimsRope,
    double ropeTheta,
    double eps) {
  private static final int AXES = 4;

  public static Flux2Config read(ModelConfig json) {
    if (json.integer("patch_size", 1) != 1) {
      throw json.error("patch_size " + json.integer("patch_size") + " is not supported, only 1 is");
    }
    int inChannels = json.integer("in_channels", 128);
    int headDim = json.integer("attention_head_dim", 128);
    int[] axes =
        json.has("axes_dims_rope") ? json.integers("axes_dims_rope") : new int[] {32, 32, 32, 32};
    if (axes.length != AXES
        || Arrays.stream(axes).anyMatch(d -> d <= 0 || d % 2 != 0)
        || Arrays.stream(axes).sum() != headDim) {
      throw json.error(
          "axes_dims_rope is "
              + Arrays.toString(axes)
              + ", expected 4 even numbers that add up to attention_head_dim "
              + headDim);
    }
    return new Flux2Config(
        inChannels,
        json.integer("out_channels", inChannels),
        json.integer("num_layers", 8),
        json.integer("num_single_layers", 48),
        json.integer("num_attention_heads", 48),
        headDim,
        json.integer("joint_attention_dim", 15360),
        json.integer("timestep_guidance_channels", 256),
        json.number("mlp_ratio", 3.0),
        json.flag("guidance_embeds", true),
        axes,
        json.number("rope_theta", 2000),
        json.number("eps", 1e-6));
  }

  /** Hidden width D. */
  public int innerDim() {
    return numAttentionHeads * attentionHeadDim;
  }

  /** Width F of a feed-forward. */
  int mlpDim() {
    return (int) (innerDim() * mlpRatio);
  }

  HeadProjections.Shape heads() {
    return new HeadProjections.Shape(innerDim(), numAttentionHeads, attentionHeadDim, false, eps);
  }
}
