package io.jdit.family.qwenimage;

import io.jdit.attention.HeadProjections;
import io.jdit.checkpoint.ModelConfig;
import java.util.Arrays;

/**
 * Settings of QwenImageTransformer2DModel, read from the transformer's config.json.
 *
 * @param zeroCondT whether tokens of given pictures are modulated as those of timestep 0
 */
public record QwenImageConfig(
    int inChannels,
    int outChannels,
    int numLayers,
    int numAttentionHeads,
    int attentionHeadDim,
    int jointAttentionDim,
    boolean zeroCondT,
    int[] axesDimsRope) {

  public static QwenImageConfig read(ModelConfig json) {
    int patch = json.integer("patch_size", 2);
    if (patch != 2) {
      throw json.error("patch_size " + patch + " is not supported, only 2 is");
    }
    for (String key :
        new String[] {"guidance_embeds", "use_additional_t_cond", "use_layer3d_rope"}) {
      if (json.flag(key, false)) {
        throw json.error(key + " is not supported");
      }
    }
    int headDim = json.integer("attention_head_dim", 128);
    int[] axes =
        json.has("axes_dims_rope") ? json.integers("axes_dims_rope") : new int[] {16, 56, 56};
    if (axes.length != 3
        || Arrays.stream(axes).anyMatch(d -> d <= 0 || d % 2 != 0)
        || Arrays.stream(axes).sum() != headDim) {
      throw json.error(
          "axes_dims_rope is "
              + Arrays.toString(axes)
              + ", expected 3 even numbers that add up to attention_head_dim "
              + headDim);
    }
    return new QwenImageConfig(
        json.integer("in_channels", 64),
        patch * patch * json.integer("out_channels", 16),
        json.integer("num_layers", 60),
        json.integer("num_attention_heads", 24),
        headDim,
        json.integer("joint_attention_dim", 3584),
        json.flag("zero_cond_t", false),
        axes);
  }

  /** Hidden width D. */
  public int innerDim() {
    return numAttentionHeads * attentionHeadDim;
  }

  HeadProjections.Shape heads() {
    return new HeadProjections.Shape(
        innerDim(), numAttentionHeads, attentionHeadDim, true, QwenImageTransformer.EPS);
  }
}
