package io.jdit.parallel;

import io.jdit.nn.Input;
import io.jdit.nn.Linear;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** A row-parallel layer: partial products of the ranks are summed, then the bias is added once. */
final class RowLinear implements Linear {
  private final Linear shard;
  private final Tensor bias; // [out] or null
  private final ProcessGroup group;

  RowLinear(Linear shard, Tensor bias, ProcessGroup group) {
    this.shard = shard;
    this.bias = bias;
    this.group = group;
  }

  @Override
  public Tensor forward(Input x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor sum = shard.forward(x).contiguous();
      group.allReduce(sum).await();
      if (bias != null) {
        sum.add_(bias);
      }
      return scope.keep(sum);
    }
  }

  @Override
  public boolean takesGeluTanh() {
    return shard.takesGeluTanh();
  }

  /** Inputs on this rank. */
  @Override
  public int inFeatures() {
    return shard.inFeatures();
  }

  @Override
  public int outFeatures() {
    return shard.outFeatures();
  }
}
