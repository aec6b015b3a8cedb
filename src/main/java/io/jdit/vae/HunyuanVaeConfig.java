package io.jdit.vae;

import io.jdit.checkpoint.ModelConfig;

/**
 * Settings of diffusers' AutoencoderKLHunyuanVideo.
 *
 * @param spatial pixels per latent pixel, in each direction
 * @param temporal frames per latent frame after the first
 * @param scalingFactor that pipelines multiply latents with
 */
public record HunyuanVaeConfig(
    int inChannels,
    int outChannels,
    int latentChannels,
    int[] blockOutChannels,
    int layersPerBlock,
    int normNumGroups,
    int spatial,
    int temporal,
    double scalingFactor,
    boolean midBlockAddAttention) {

  /**
   * Reads a config.json.
   *
   * @throws io.jdit.checkpoint.ModelFormatException when it asks for what is not supported
   */
  public static HunyuanVaeConfig read(ModelConfig json) {
    json.requireText("act_fn", "silu");
    for (String key : new String[] {"down_block_types", "up_block_types"}) {
      String only = key.startsWith("down") ? "HunyuanVideoDownBlock3D" : "HunyuanVideoUpBlock3D";
      for (String type : json.has(key) ? json.texts(key) : new String[0]) {
        if (!type.equals(only)) {
          throw json.error(key + " holds " + type + ", only " + only + " is supported");
        }
      }
    }
    HunyuanVaeConfig c =
        new HunyuanVaeConfig(
            json.integer("in_channels", 3),
            json.integer("out_channels", 3),
            json.integer("latent_channels", 16),
            json.has("block_out_channels")
                ? json.integers("block_out_channels")
                : new int[] {128, 256, 512, 512},
            json.integer("layers_per_block", 2),
            json.integer("norm_num_groups", 32),
            json.integer("spatial_compression_ratio", 8),
            json.integer("temporal_compression_ratio", 4),
            json.number("scaling_factor", 0.476986),
            json.flag("mid_block_add_attention", true));
    int levels = c.blockOutChannels.length;
    if (c.spatial != 1 << (levels - 1) || c.temporal != 4 || levels < 3) {
      throw json.error(
          "spatial_compression_ratio "
              + c.spatial
              + " and temporal_compression_ratio "
              + c.temporal
              + " with "
              + levels
              + " levels are not supported, only a halving after every level but the last and 4");
    }
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

  int levels() {
    return blockOutChannels.length;
  }

  /** Whether height and width change after level {@code i}, of the encoder or the decoder. */
  boolean inSpace(int i) {
    return i < levels() - 1;
  }

  /** Whether the number of frames changes after level {@code i}. */
  boolean inTime(int i) {
    return inSpace(i) && i >= levels() - 3;
  }
}
