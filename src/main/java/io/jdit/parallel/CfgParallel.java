package io.jdit.parallel;

import io.jdit.pipeline.Branches;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.IntFunction;

/**
 * The positive and the negative branch of true classifier-free guidance on ranks of their own. A
 * generation without guidance is computed by both.
 */
final class CfgParallel implements Branches {
  private final ProcessGroup group;

  /**
   * @param group the ranks with the same tokens in both branches; position 0 is positive
   */
  CfgParallel(ProcessGroup group) {
    this.group = group;
  }

  @Override
  public int callsHere(int branches) {
    return branches == group.size() ? 1 : branches;
  }

  @Override
  public Tensor[] run(int branches, IntFunction<Tensor> call) {
    if (branches != group.size()) {
      return Branches.here().run(branches, call);
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor mine = call.apply(group.rank()).contiguous();
      long[] shape = mine.shape();
      shape[0] *= branches;
      Tensor all = Tensor.empty(mine.dtype(), mine.device(), shape);
      group.allGather(mine, all).await();
      Tensor[] results = all.chunk(branches, 0);
      for (Tensor result : results) {
        scope.keep(result);
      }
      return results;
    }
  }
}
