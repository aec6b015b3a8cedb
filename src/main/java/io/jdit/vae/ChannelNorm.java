package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * x / max(||x||, 1e-12) * sqrt(C) * gamma over the C channels of every pixel (diffusers'
 * WanRMS_norm), normalised in float32.
 */
final class ChannelNorm {
  private static final double EPS = 1e-12;

  private final Tensor weight; // [C]

  /**
   * @param ones dimensions of gamma after the channels
   */
  ChannelNorm(Weights w, int channels, int ones) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor gamma = ones == 3 ? w.get("gamma", channels, 1, 1, 1) : w.get("gamma", channels, 1, 1);
      weight = w.own(gamma.mul(Math.sqrt(channels)).view(channels));
      gamma.close();
    }
  }

  /** x [B, C, ...], C in dimension 1. */
  Tensor forward(Tensor x) {
    return Kernels.channelNorm(x, weight, EPS, false);
  }

  /** SiLU of {@link #forward}. */
  Tensor forwardSilu(Tensor x) {
    return Kernels.channelNorm(x, weight, EPS, true);
  }
}
