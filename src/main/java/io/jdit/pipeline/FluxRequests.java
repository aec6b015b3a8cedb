package io.jdit.pipeline;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.vae.KlConfig;

/**
 * The requests that FluxPipeline takes.
 *
 * @param multiple pixels that height and width are multiples of: two latents of the VAE
 */
record FluxRequests(GenerationDefaults defaults, int multiple) implements RequestResolver {
  private static final GenerationDefaults FAMILY =
      new GenerationDefaults(1024, 1024, 28, 3.5, 1, null, 512);
  private static final int MAX_SEQUENCE_LENGTH = 512;

  /** Reads the model's defaults and the configuration of its VAE. */
  static FluxRequests of(ModelFolder model) {
    KlConfig vae =
        KlConfig.read(
            ModelConfig.read(model.component("vae", "AutoencoderKL").resolve("config.json")));
    return new FluxRequests(FAMILY.readFrom(model.path()), 2 * vae.scaleFactor());
  }

  @Override
  public GenerationSettings resolve(GenerationRequest request) {
    GenerationSettings s = defaults.apply(request);
    requireMultiple("height", s.height());
    requireMultiple("width", s.width());
    if (s.maxSequenceLength() > MAX_SEQUENCE_LENGTH) {
      throw new IllegalArgumentException(
          "max-sequence-length must be <= "
              + MAX_SEQUENCE_LENGTH
              + ", got "
              + s.maxSequenceLength());
    }
    return s;
  }

  private void requireMultiple(String name, int value) {
    if (value % multiple != 0) {
      int below = value / multiple * multiple;
      throw new IllegalArgumentException(
          name
              + " "
              + value
              + " is not a multiple of "
              + multiple
              + ": use "
              + (below > 0 ? below + " or " : "")
              + (below + multiple));
    }
  }
}
