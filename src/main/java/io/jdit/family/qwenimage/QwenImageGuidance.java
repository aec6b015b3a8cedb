package io.jdit.family.qwenimage;

import io.jdit.pipeline.Guidance;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * True classifier-free guidance of diffusers' QwenImagePipeline: n + scale (c - n), then each token
 * as long as in the positive output c.
 */
final class QwenImageGuidance {
  private QwenImageGuidance() {}

  static Guidance of(double scale) {
    return scale > 1 ? Guidance.of(2, (v, expert) -> combined(v[0], v[1], scale)) : Guidance.none();
  }

  /** All [B, N, C]; norms over C. */
  private static Tensor combined(Tensor c, Tensor n, double scale) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor p = n.add(c.sub(n).mul(scale));
      return scope.keep(p.mul(length(c).div(length(p))));
    }
  }

  /** Up to the same factor for all, [B, N, 1]. */
  private static Tensor length(Tensor x) {
    return x.mul(x).mean(-1, true).sqrt();
  }
}
