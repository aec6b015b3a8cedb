package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * x / sqrt(mean(x^2) + eps) * weight over the last dimension. Computed in float32, rounded to the
 * input's dtype, then multiplied by the weight, as diffusers' RMSNorm and transformers' T5LayerNorm
 * do.
 */
public final class RmsNorm implements Norm {
  private final Tensor weight;
  private final double eps;

  public RmsNorm(Weights w, int dim, double eps) {
    this.weight = w.get("weight", dim);
    this.eps = eps;
  }

  public Tensor weight() {
    return weight;
  }

  public double eps() {
    return eps;
  }

  @Override
  public Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      if (x.dtype() == weight.dtype()) {
        // A row is one head of the whole width, without rotation.
        Tensor rows = x.reshape(1, -1, 1, weight.size(0));
        return scope.keep(Kernels.rmsNormRope(rows, weight, eps, null, null).view(x.shape()));
      }
      Tensor f = x.to(DType.FLOAT32);
      Tensor scale = f.mul(f).mean(-1, true).add(eps).rsqrt();
      return scope.keep(f.mul(scale).to(weight.dtype()).mul(weight));
    }
  }
}
