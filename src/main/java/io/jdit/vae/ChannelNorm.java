package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * x / max(||x||, 1e-12) * sqrt(C) * gamma over the C channels of every pixel (diffusers'
 * WanRMS_norm), normalised in float32.
 */
final class ChannelNorm {
  private static final double EPS = 1e-12;

  private final Tensor gamma; // [C, 1, 1, 1] or [C, 1, 1]
  private final double scale;

  /**
   * @param ones dimensions of gamma after the channels
   */
  ChannelNorm(Weights w, int channels, int ones) {
    gamma = ones == 3 ? w.get("gamma", channels, 1, 1, 1) : w.get("gamma", channels, 1, 1);
    scale = Math.sqrt(channels);
  }

  /** x [B, C, ...], C in dimension 1. */
  Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor norm = Functional.norm(x, 1).clamp(EPS, Float.MAX_VALUE);
      Tensor unit = x.div(norm).to(x.dtype());
      return scope.keep(unit.mul(gamma.mul(scale)));
    }
  }
}
