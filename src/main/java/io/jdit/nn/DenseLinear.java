package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;

/** A linear layer with its whole weight in the model's dtype. */
public final class DenseLinear implements Linear {
  private final Tensor weight; // [out, in]
  private final Tensor bias; // [out] or null

  public DenseLinear(Weights w, int in, int out, boolean bias) {
    this.weight = w.get("weight", out, in);
    this.bias = bias ? w.get("bias", out) : null;
  }

  @Override
  public Tensor forward(Tensor x) {
    return Functional.linear(x, weight, bias);
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
