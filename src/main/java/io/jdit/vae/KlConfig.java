package io.jdit.vae;

import io.jdit.checkpoint.ModelConfig;

/** Settings of diffusers' AutoencoderKL. */
public record KlConfig(
    int inChannels,
    int outChannels,
    int latentChannels,
    int[] blockOutChannels,
    int layersPerBlock,
    int normNumGroups,
    int sampleSize,
    double scalingFactor,
    double shiftFactor,
    boolean useQuantConv,
    boolean usePostQuantConv,
    boolean midBlockAddAttention) {

  public static KlConfig read(ModelConfig json) {
    json.requireText("act_fn", "silu");
    for (String key : new String[] {"down_block_types", "up_block_types"}) {
      String only = key.startsWith("down") ? "DownEncoderBlock2D" : "UpDecoderBlock2D";
      for (String type : json.has(key) ? json.texts(key) : new String[0]) {
        if (!type.equals(only)) {
          throw json.error(key + " holds " + type + ", only " + only + " is supported");
        }
      }
    }
    KlConfig c =
        new KlConfig(
            json.integer("in_channels", 3),
            json.integer("out_channels", 3),
            json.integer("latent_channels", 4),
            json.has("block_out_channels") ? json.integers("block_out_channels") : new int[] {64},
            json.integer("layers_per_block", 1),
            json.integer("norm_num_groups", 32),
            json.integer("sample_size", 32),
            json.number("scaling_factor", 0.18215),
            json.number("shift_factor", 0),
            json.flag("use_quant_conv", true),
            json.flag("use_post_quant_conv", true),
            json.flag("mid_block_add_attention", true));
    for (int channels : c.blockOutChannels) {
      if (channels % c.normNumGroups != 0) {
        throw json.error(
            "block_out_channels "
                + channels
                + " is not divisible by norm_num_groups "
                + c.normNumGroups);
      }
    }
    return c;
  }

  /** Picture pixels per latent pixel, in each direction. */
  public int scaleFactor() {
    return 1 << (blockOutChannels.length - 1);
  }
}
