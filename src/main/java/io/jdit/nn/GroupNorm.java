package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;

/** Group norm over [B, C, ...] with weight and bias. */
public final class GroupNorm {
  private final Tensor weight;
  private final Tensor bias;
  private final int groups;
  private final double eps;

  public GroupNorm(Weights w, int groups, int channels, double eps) {
    this.weight = w.get("weight", channels);
    this.bias = w.get("bias", channels);
    this.groups = groups;
    this.eps = eps;
  }

  public Tensor forward(Tensor x) {
    return Functional.groupNorm(x, groups, weight, bias, eps);
  }
}
