package io.jdit.pipeline;

import io.jdit.media.Picture;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** Conversion of decoded tensors (diffusers' VaeImageProcessor). */
final class Images {
  private Images() {}

  /**
   * clamp(x / 2 + 0.5, 0, 1), then 255 times that, rounded half to even.
   *
   * @param x [1, 3, H, W]
   */
  static Picture toRgb(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor unit = x.mul(0.5).add(0.5).clamp(0, 1).to(DType.FLOAT32);
      Tensor bytes =
          unit.mul(255).round().to(DType.UINT8).select(0, 0).permute(1, 2, 0).contiguous();
      return new Picture((int) x.size(3), (int) x.size(2), bytes.toBytes());
    }
  }
}
