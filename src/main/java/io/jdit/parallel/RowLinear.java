package io.jdit.parallel;

import io.jdit.nn.Linear;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.Supplier;

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
  public Tensor forward(Tensor x) {
    return summed(() -> shard.forward(x));
  }

  @Override
  public Tensor forwardJoined(Tensor... parts) {
    return summed(() -> shard.forwardJoined(parts));
  }

  private Tensor summed(Supplier<Tensor> product) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor sum = product.get().contiguous();
      group.allReduce(sum).await();
      if (bias != null) {
        sum.add_(bias);
      }
      return scope.keep(sum);
    }
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
