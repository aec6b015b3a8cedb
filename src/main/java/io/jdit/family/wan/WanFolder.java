package io.jdit.family.wan;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.vae.WanVaeConfig;

/**
 * What the configurations of a Wan folder say about its requests.
 *
 * @param boundaryRatio share of timesteps below which the second transformer computes; NaN for a
 *     model of one
 * @param expandTimesteps whether every token has a timestep of its own (TI2V): a picture replaces
 *     the first frame
 * @param needsPicture whether requests have to give a picture
 */
record WanFolder(
    WanConfig transformer,
    WanVaeConfig vae,
    WanScheduler scheduler,
    double boundaryRatio,
    boolean expandTimesteps,
    boolean needsPicture) {
  static final String SECOND = "transformer_2";
  static final String TRANSFORMER_CLASS = "WanTransformer3DModel";
  static final String IMAGE_TO_VIDEO = "WanImageToVideoPipeline";

  /** Channels of the mask in front of an encoded picture: one for each frame of a latent frame. */
  static final int MASK_CHANNELS = 4;

  /** Reads the configurations and checks that they fit each other. */
  static WanFolder read(ModelFolder folder) {
    WanConfig transformer = WanConfig.read(folder.config("transformer", TRANSFORMER_CLASS));
    WanVaeConfig vae = WanVaeConfig.read(folder.config("vae", "AutoencoderKLWan"));
    boolean two = folder.has(SECOND);
    double boundary = folder.index().number("boundary_ratio", Double.NaN);
    if (two == Double.isNaN(boundary)) {
      throw folder.mismatch(
          two
              ? "model_index.json names transformer_2, but no boundary_ratio that says when it is"
                  + " used"
              : "model_index.json has the boundary_ratio "
                  + boundary
                  + " of two transformers, but names no transformer_2");
    }
    boolean expand = folder.index().flag("expand_timesteps", false);
    boolean pictures = folder.className().equals(IMAGE_TO_VIDEO);
    int given = pictures && !expand ? vae.zDim() + MASK_CHANNELS : 0; // channels of a condition
    WanFolder f =
        new WanFolder(transformer, vae, WanScheduler.read(folder), boundary, expand, pictures);
    folder.requireFitting(
        "in_channels of the transformer", transformer.inChannels(), vae.zDim() + given);
    folder.requireFitting("out_channels of the transformer", transformer.outChannels(), vae.zDim());
    if (two) {
      WanConfig second = WanConfig.read(folder.config(SECOND, TRANSFORMER_CLASS));
      folder.requireFitting(
          "in_channels of the second transformer", second.inChannels(), vae.zDim() + given);
      folder.requireFitting(
          "text_dim of the second transformer", second.textDim(), transformer.textDim());
    }
    if (transformer.takesPictureEmbeddings() && !pictures) {
      throw folder.mismatch(
          "the transformer takes embeddings of a picture (image_dim), but "
              + folder.className()
              + " gives none");
    }
    return f;
  }

  boolean twoTransformers() {
    return !Double.isNaN(boundaryRatio);
  }

  /** Whether a picture can be given. */
  boolean takesPicture() {
    return needsPicture || expandTimesteps;
  }

  /** Pixels that widths and heights are rounded down to a multiple of. */
  int granularity() {
    return vae.scaleFactor() * transformer.patch();
  }
}
