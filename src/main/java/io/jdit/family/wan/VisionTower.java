package io.jdit.family.wan;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFolder;
import io.jdit.media.Picture;
import io.jdit.pipeline.Part;
import io.jdit.pipeline.Parts;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.textencoder.ClipPictures;
import io.jdit.textencoder.ClipVisionEncoder;

/** The picture encoder of Wan 2.1 image to video, with the preparation of pictures. */
final class VisionTower {
  private static final String CLASS = "CLIPVisionModel";

  private final ClipVisionEncoder.Config config;
  private final ClipPictures pictures;
  private final Part<ClipVisionEncoder> encoder;

  VisionTower(Parts parts, int width) {
    ModelFolder folder = parts.folder();
    config = ClipVisionEncoder.Config.read(folder.config("image_encoder", CLASS));
    pictures =
        ClipPictures.read(
            ModelConfig.read(
                folder
                    .component(
                        "image_processor",
                        "CLIPImageProcessor",
                        "CLIPImageProcessorFast",
                        "CLIPImageProcessorPil")
                    .resolve("preprocessor_config.json")));
    folder.requireFitting("image_dim of the transformer", width, config.hiddenSize());
    Strategies strategies = parts.strategies();
    encoder =
        parts.part(
            "image_encoder",
            CLASS,
            w ->
                new ClipVisionEncoder(
                    config,
                    w,
                    strategies.linears("image_encoder").sharingHeads(config.numAttentionHeads())));
  }

  int tokens() {
    return config.tokens();
  }

  /** [1, tokens, hiddenSize]. */
  Tensor encode(Picture picture, Strategies strategies) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor pixels = pictures.pixels(picture).to(strategies.device(), strategies.dtype());
      return scope.keep(encoder.get().forward(pixels));
    } finally {
      encoder.done();
    }
  }
}
