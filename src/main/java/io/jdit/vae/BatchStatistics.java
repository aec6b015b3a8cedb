package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * The running statistics of a batch norm without affine terms, by which latents are normalised for
 * the denoiser and restored for the decoder (diffusers' AutoencoderKLFlux2).
 */
public final class BatchStatistics {
  private final Tensor mean; // [C]
  private final Tensor std; // [C]

  /**
   * @param w the layer of the checkpoint, with {@code running_mean} and {@code running_var}
   */
  public BatchStatistics(Weights w, int channels, double eps) {
    mean = w.get("running_mean", channels);
    try (TensorScope scope = TensorScope.open();
        Tensor variance = w.get("running_var", channels)) {
      std = w.own(variance.add(eps).sqrt());
    }
    w.ignore(w.prefix() + "num_batches_tracked");
  }

  /** (z - mean) / sqrt(var + eps); z [..., C], in its dtype. */
  public Tensor normalize(Tensor z) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(z.sub(mean).div(std));
    }
  }

  /** z sqrt(var + eps) + mean; z [..., C], in its dtype. */
  public Tensor denormalize(Tensor z) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(z.mul(std).add(mean));
    }
  }
}
