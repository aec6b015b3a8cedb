package io.jdit.nn;

import io.jdit.tensor.DType;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** The element-wise chains between the matrix products of a transformer block. */
public final class Fused {
  private Fused() {}

  /**
   * LN(x) (1 + scale) + shift, LN without affine terms.
   *
   * @param x [B, N, D]
   * @param scale [B, D], may be a slice of a wider tensor; shift likewise
   */
  public static Tensor modulatedNorm(Tensor x, Tensor shift, Tensor scale, double eps) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor n = Functional.layerNorm(x, null, null, eps);
      return scope.keep(n.mul(scale.add(1).unsqueeze(1)).add(shift.unsqueeze(1)));
    }
  }

  /** x + gate * y; x, y [B, N, D], gate [B, D]. */
  public static Tensor gatedResidual(Tensor x, Tensor gate, Tensor y) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(x.add(y.mul(gate.unsqueeze(1))));
    }
  }

  public static Tensor geluTanh(Tensor x) {
    return Functional.geluTanh(x);
  }

  /**
   * RMS norm over the head dimension, then rotation of pairs.
   *
   * @param x [B, S, H, headDim]
   * @param table rows {@code offset .. offset + S} are used
   */
  public static Tensor normRotate(Tensor x, RmsNorm norm, RotaryTable table, int offset) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor n = norm.forward(x).to(DType.FLOAT32);
      long tokens = x.size(1);
      long dim = x.size(3);
      Tensor cos = table.cos().narrow(0, offset, tokens).view(1, tokens, 1, dim);
      Tensor sin = table.sin().narrow(0, offset, tokens).view(1, tokens, 1, dim);
      Tensor pairs = n.reshape(x.size(0), tokens, x.size(2), dim / 2, 2);
      Tensor swapped =
          Tensor.stack(-1, pairs.select(-1, 1).neg(), pairs.select(-1, 0)).flatten(3, 4);
      return scope.keep(n.mul(cos).add(swapped.mul(sin)).to(x.dtype()));
    }
  }
}
