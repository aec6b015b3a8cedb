package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Functional;
import io.jdit.tensor.OneDnn;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** A linear layer with its weight in the model's dtype. */
public final class DenseLinear implements Linear {
  private final Tensor weight; // [out, in], in oneDNN's layout when packed
  private final Tensor bias; // [out] or null
  private final boolean packed;

  public DenseLinear(Weights w, int in, int out, boolean bias) {
    this(w, bias, out, in);
  }

  /**
   * The product that a convolution is whose kernel equals its stride.
   *
   * @param shape of its weight: outputs, then what its inputs are folded from
   */
  DenseLinear(Weights w, boolean bias, long... shape) {
    this.packed = OneDnn.supports(w.dtype(), w.device());
    Tensor plain = w.get("weight", shape);
    this.weight = packed || shape.length > 2 ? folded(w, plain, packed) : plain;
    this.bias = bias ? w.get("bias", shape[0]) : null;
  }

  private static Tensor folded(Weights w, Tensor plain, boolean packed) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor matrix = plain.view(plain.size(0), -1);
      Tensor p = w.own(packed ? OneDnn.packLinearWeight(matrix) : matrix);
      plain.close();
      return p;
    }
  }

  @Override
  public Tensor forward(Tensor x) {
    return packed ? OneDnn.linear(x, weight, bias, false) : Functional.linear(x, weight, bias);
  }

  @Override
  public Tensor forwardGeluTanh(Tensor x) {
    if (packed) {
      return OneDnn.linear(x, weight, bias, true);
    }
    return weight.device().isCuda() && bias != null
        ? Functional.linearGeluTanh(x, weight, bias)
        : Linear.super.forwardGeluTanh(x);
  }

  /** On a GPU nothing is copied to join the parts. */
  @Override
  public Tensor forwardJoined(Tensor... parts) {
    return weight.device().isCuda()
        ? Functional.linearOfParts(weight, bias, parts)
        : Linear.super.forwardJoined(parts);
  }

  @Override
  public int inFeatures() {
    return (int) weight.size(1);
  }

  @Override
  public int outFeatures() {
    return (int) weight.size(0);
  }
}
