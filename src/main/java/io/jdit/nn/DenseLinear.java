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
    this.packed = OneDnn.supports(w.dtype(), w.device());
    Tensor plain = w.get("weight", out, in);
    this.weight = packed ? pack(w, plain) : plain;
    this.bias = bias ? w.get("bias", out) : null;
  }

  private static Tensor pack(Weights w, Tensor plain) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor p = w.own(OneDnn.packLinearWeight(plain));
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
    return packed ? OneDnn.linear(x, weight, bias, true) : Linear.super.forwardGeluTanh(x);
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
