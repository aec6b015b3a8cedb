package io.jdit.vae;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Mean and standard deviation of each latent channel, which denoisers see normalised: {@code
 * latents_mean} and {@code latents_std} of an autoencoder's config.json.
 */
public record LatentStatistics(float[] mean, float[] std) {
  /** What the classes of diffusers have when config.json says nothing: of Wan 2.1, 16 channels. */
  private static final float[] MEAN = {
    -0.7571f, -0.7089f, -0.9113f, 0.1075f, -0.1745f, 0.9653f, -0.1517f, 1.5508f, 0.4134f, -0.0715f,
    0.5517f, -0.3632f, -0.1922f, -0.9497f, 0.2503f, -0.2921f
  };

  private static final float[] STD = {
    2.8184f, 1.4541f, 2.3275f, 2.6558f, 1.2196f, 1.7708f, 2.6052f, 2.0743f, 3.2687f, 2.1526f,
    2.8652f, 1.5579f, 1.6382f, 1.1253f, 2.8251f, 1.916f
  };

  static LatentStatistics read(ModelConfig json, int channels) {
    LatentStatistics s =
        new LatentStatistics(
            json.has("latents_mean") ? json.numbers("latents_mean") : MEAN,
            json.has("latents_std") ? json.numbers("latents_std") : STD);
    if (s.mean.length != channels || s.std.length != channels) {
      throw json.error(
          "latents_mean has "
              + s.mean.length
              + " and latents_std "
              + s.std.length
              + " values, expected z_dim "
              + channels);
    }
    return s;
  }

  /** (z - mean) / std; z [B, C, T, h, w], in its dtype. */
  public Tensor normalize(Tensor z) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(z.sub(perChannel(mean, z)).div(perChannel(std, z)));
    }
  }

  /** z / (1 / std) + mean, as diffusers' pipelines compute it; z [B, C, T, h, w], in its dtype. */
  public Tensor denormalize(Tensor z) {
    float[] inverse = new float[std.length];
    for (int i = 0; i < inverse.length; i++) {
      inverse[i] = 1 / std[i];
    }
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(z.div(perChannel(inverse, z)).add(perChannel(mean, z)));
    }
  }

  private static Tensor perChannel(float[] values, Tensor z) {
    return Tensor.of(values, 1, values.length, 1, 1, 1).to(z.device(), z.dtype());
  }
}
