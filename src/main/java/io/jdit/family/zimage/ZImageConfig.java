package io.jdit.family.zimage;

import io.jdit.attention.HeadProjections;
import io.jdit.checkpoint.ModelConfig;
import java.util.Arrays;

/** Settings of ZImageTransformer2DModel, read from the transformer's config.json. */
public record ZImageConfig(
    int inChannels,
    int dim,
    int numLayers,
    int numRefinerLayers,
    int numHeads,
    double normEps,
    boolean qkNorm,
    int capFeatDim,
    double ropeTheta,
    double tScale,
    int[] axesDims,
    int[] axesLens) {
  /** Latent pixels of a token in each direction. */
  static final int PATCH = 2;

  public static ZImageConfig read(ModelConfig json) {
    requireOnly(json, "all_patch_size", PATCH);
    requireOnly(json, "all_f_patch_size", 1);
    if (json.has("siglip_feat_dim")) {
      throw json.error("siglip_feat_dim is not supported: the model takes pictures");
    }
    int heads = json.integer("n_heads", 30);
    if (json.integer("n_kv_heads", heads) != heads) {
      throw json.error("n_kv_heads other than n_heads " + heads + " is not supported");
    }
    int[] axes = json.has("axes_dims") ? json.integers("axes_dims") : new int[] {32, 48, 48};
    int[] lens = json.has("axes_lens") ? json.integers("axes_lens") : new int[] {1024, 512, 512};
    int dim = json.integer("dim", 3840);
    if (axes.length != 3
        || lens.length != 3
        || Arrays.stream(axes).anyMatch(d -> d <= 0 || d % 2 != 0)
        || Arrays.stream(axes).sum() * heads != dim) {
      throw json.error(
          "axes_dims "
              + Arrays.toString(axes)
              + " and axes_lens "
              + Arrays.toString(lens)
              + ": expected 3 axes of even dimensions that add up to dim / n_heads, "
              + dim
              + " / "
              + heads);
    }
    return new ZImageConfig(
        json.integer("in_channels", 16),
        dim,
        json.integer("n_layers", 30),
        json.integer("n_refiner_layers", 2),
        heads,
        json.number("norm_eps", 1e-5),
        json.flag("qk_norm", true),
        json.integer("cap_feat_dim", 2560),
        json.number("rope_theta", 256),
        json.number("t_scale", 1000),
        axes,
        lens);
  }

  private static void requireOnly(ModelConfig json, String key, int only) {
    if (json.has(key) && !Arrays.equals(json.integers(key), new int[] {only})) {
      throw json.error(
          key + " " + Arrays.toString(json.integers(key)) + " is not supported, only " + only);
    }
  }

  /** Width of the time embedding that modulates the blocks. */
  int adalnDim() {
    return Math.min(dim, 256);
  }

  /** Width between the layers of a feed-forward. */
  int ffnDim() {
    return (int) (dim / 3.0 * 8);
  }

  HeadProjections.Shape heads() {
    return new HeadProjections.Shape(dim, numHeads, dim / numHeads, false, normEps);
  }
}
