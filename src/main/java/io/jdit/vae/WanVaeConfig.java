package io.jdit.vae;

import io.jdit.checkpoint.ModelConfig;

/**
 * Settings of diffusers' AutoencoderKLWan (Wan 2.1 and 2.2) and AutoencoderKLQwenImage, which is
 * that of Wan 2.1.
 *
 * @param inChannels of folded pictures, as {@code outChannels}
 * @param encoderDim channels of the first level, as {@code decoderDim}
 * @param dimMult channels of each level, in multiples of the first
 * @param temporalDownsample whether frames are halved after each level but the last
 * @param residual levels have shortcuts and resamplers keep the channels (Wan 2.2 5B)
 * @param patch edge of the squares of pixels that are folded into channels; 1 for none
 * @param latents what pipelines normalise latents with
 */
public record WanVaeConfig(
    int inChannels,
    int outChannels,
    int zDim,
    int encoderDim,
    int decoderDim,
    int[] dimMult,
    int numResBlocks,
    boolean[] temporalDownsample,
    boolean residual,
    int patch,
    LatentStatistics latents) {

  /**
   * Reads a config.json of either class.
   *
   * @throws io.jdit.checkpoint.ModelFormatException when it asks for what is not supported
   */
  public static WanVaeConfig read(ModelConfig json) {
    int base = json.integer("base_dim", 96);
    int z = json.integer("z_dim", 16);
    WanVaeConfig c =
        new WanVaeConfig(
            json.integer("in_channels", json.integer("input_channels", 3)),
            json.integer("out_channels", 3),
            z,
            base,
            json.integer("decoder_base_dim", base),
            json.has("dim_mult") ? json.integers("dim_mult") : new int[] {1, 2, 4, 4},
            json.integer("num_res_blocks", 2),
            json.has("temperal_downsample")
                ? json.flags("temperal_downsample")
                : new boolean[] {false, true, true},
            json.flag("is_residual", false),
            json.integer("patch_size", 1),
            LatentStatistics.read(json, z));
    if (json.has("attn_scales") && !json.json().get("attn_scales").isEmpty()) {
      throw json.error("attn_scales is not empty: attention inside levels is not supported");
    }
    if (c.temporalDownsample.length != c.dimMult.length - 1) {
      throw json.error(
          "temperal_downsample has "
              + c.temporalDownsample.length
              + " values, expected one fewer than the "
              + c.dimMult.length
              + " of dim_mult");
    }
    require(json, "scale_factor_spatial", c.scaleFactor());
    require(json, "scale_factor_temporal", c.timeFactor());
    int colours = 3 * c.patch * c.patch;
    if (c.inChannels != colours || c.outChannels != colours) {
      throw json.error(
          "in_channels "
              + c.inChannels
              + ", out_channels "
              + c.outChannels
              + ", expected "
              + colours);
    }
    return c;
  }

  private static void require(ModelConfig json, String key, int value) {
    if (json.integer(key, value) != value) {
      throw json.error(key + " is " + json.integer(key) + ", but the levels make it " + value);
    }
  }

  int levels() {
    return dimMult.length;
  }

  /** Picture pixels per latent pixel, in each direction. */
  public int scaleFactor() {
    return foldedScale() * patch;
  }

  /** Folded pixels per latent pixel. */
  int foldedScale() {
    return 1 << (levels() - 1);
  }

  /** Frames per latent frame after the first. */
  public int timeFactor() {
    int factor = 1;
    for (boolean halved : temporalDownsample) {
      factor *= halved ? 2 : 1;
    }
    return factor;
  }

  /** Whether frames are doubled after level {@code i} of the decoder. */
  boolean temporalUpsample(int i) {
    return temporalDownsample[temporalDownsample.length - 1 - i];
  }

  /** Channels of the encoder: before the first level, then of each. */
  int[] encoderDims() {
    int[] dims = new int[levels() + 1];
    dims[0] = encoderDim;
    for (int i = 0; i < levels(); i++) {
      dims[i + 1] = encoderDim * dimMult[i];
    }
    return dims;
  }

  /** Channels of the decoder: before the first level, then of each. */
  int[] decoderDims() {
    int[] dims = new int[levels() + 1];
    for (int i = 0; i < levels(); i++) {
      dims[i + 1] = decoderDim * dimMult[levels() - 1 - i];
    }
    dims[0] = dims[1];
    return dims;
  }
}
