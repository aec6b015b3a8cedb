package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;

/** Layer norm over the last dimension with weight and bias. */
public final class LayerNorm {
  private final Tensor weight;
  private final Tensor bias;
  private final double eps;

  public LayerNorm(Weights w, int dim, double eps) {
    this.weight = w.get("weight", dim);
    this.bias = w.get("bias", dim);
    this.eps = eps;
  }

  public Tensor forward(Tensor x) {
    return Functional.layerNorm(x, weight, bias, eps);
  }
}
