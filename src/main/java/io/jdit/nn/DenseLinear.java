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

  /** On a GPU nothing is copied to join an input of two tensors. */
  @Override
  public Tensor forward(Input x) {
    if (packed) {
      return x.apply(t -> OneDnn.linear(t, weight, bias, false));
    }
    return weight.device().isCuda()
        ? Functional.linearOfParts(weight, bias, x.parts())
        : x.apply(t -> Functional.linear(t, weight, bias));
  }

  @Override
  public Tensor forwardGeluTanh(Input x) {
    if (packed) {
      return x.apply(t -> OneDnn.linear(t, weight, bias, true));
    }
    return weight.device().isCuda() && bias != null
        ? x.apply(t -> Functional.linearGeluTanh(t, weight, bias))
        : Linear.super.forwardGeluTanh(x);
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
