package io.jdit.vae;

import io.jdit.checkpoint.ModelConfig;

/**
 * Settings of diffusers' AutoencoderKL and AutoencoderKLFlux2.
 *
 * @param decoderBlockOutChannels the decoder's channels, those of {@code blockOutChannels} unless
 *     it has some of its own
 */
public record KlConfig(
    int inChannels,
    int outChannels,
    int latentChannels,
    int[] blockOutChannels,
    int[] decoderBlockOutChannels,
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
    int[] channels =
        json.has("block_out_channels") ? json.integers("block_out_channels") : new int[] {64};
    KlConfig c =
        new KlConfig(
            json.integer("in_channels", 3),
            json.integer("out_channels", 3),
            json.integer("latent_channels", 4),
            channels,
            json.has("decoder_block_out_channels")
                ? json.integers("decoder_block_out_channels")
                : channels,
            json.integer("layers_per_block", 1),
            json.integer("norm_num_groups", 32),
            json.integer("sample_size", 32),
            json.number("scaling_factor", 0.18215),
            json.number("shift_factor", 0),
            json.flag("use_quant_conv", true),
            json.flag("use_post_quant_conv", true),
            json.flag("mid_block_add_attention", true));
    if (c.decoderBlockOutChannels.length != channels.length) {
      throw json.error(
          "decoder_block_out_channels has "
              + c.decoderBlockOutChannels.length
              + " levels, block_out_channels "
              + channels.length);
    }
    requireDivisible(json, "block_out_channels", channels, c.normNumGroups);
    requireDivisible(
        json, "decoder_block_out_channels", c.decoderBlockOutChannels, c.normNumGroups);
    return c;
  }

  private static void requireDivisible(ModelConfig json, String key, int[] channels, int groups) {
    for (int n : channels) {
      if (n % groups != 0) {
        throw json.error(key + " " + n + " is not divisible by norm_num_groups " + groups);
      }
    }
  }

  /** Picture pixels per latent pixel, in each direction. */
  public int scaleFactor() {
    return 1 << (blockOutChannels.length - 1);
  }
}
