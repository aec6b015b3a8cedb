package io.jdit.parallel;

import io.jdit.nn.Input;
import io.jdit.nn.Linear;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** A column-parallel layer whose outputs are gathered from all ranks. */
final class GatheredLinear implements Linear {
  private final Linear shard;
  private final ProcessGroup group;

  GatheredLinear(Linear shard, ProcessGroup group) {
    this.shard = shard;
    this.group = group;
  }

  @Override
  public Tensor forward(Input x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor part = shard.forward(x).contiguous();
      long n = part.size(-1);
      long rows = part.elements() / n;
      Tensor all = Tensor.empty(part.dtype(), part.device(), group.size() * rows, n);
      group.allGather(part.view(rows, n), all).await();
      long[] shape = part.shape();
      shape[shape.length - 1] = outFeatures();
      return scope.keep(all.view(group.size(), rows, n).permute(1, 0, 2).contiguous().view(shape));
    }
  }

  @Override
  public int inFeatures() {
    return shard.inFeatures();
  }

  @Override
  public int outFeatures() {
    return shard.outFeatures() * group.size();
  }
}
