package io.jdit.pipeline;

import io.jdit.media.Picture;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** Conversion of decoded tensors (diffusers' VaeImageProcessor and VideoProcessor). */
public final class Frames {
  private Frames() {}

  /**
   * clamp(x / 2 + 0.5, 0, 1), then 255 times that, rounded half to even.
   *
   * @param x [3, H, W]; on META the picture is black
   * @throws NotFiniteException when a value is not finite
   */
  public static Picture toRgb(Tensor x) {
    if (x.device().isMeta()) {
      return new Picture((int) x.size(2), (int) x.size(1), new byte[(int) x.elements()]);
    }
    try (TensorScope scope = TensorScope.open()) {
      NotFiniteException.require(x, "decoding");
      Tensor unit = x.mul(0.5).add(0.5).clamp(0, 1).to(DType.FLOAT32);
      Tensor bytes = unit.mul(255).round().to(DType.UINT8).permute(1, 2, 0).contiguous();
      return new Picture((int) x.size(2), (int) x.size(1), bytes.toBytes());
    }
  }
}
