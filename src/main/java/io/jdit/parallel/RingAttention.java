package io.jdit.parallel;

import io.jdit.attention.Attention;
import io.jdit.kernels.Kernels;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.Supplier;

/**
 * Attention over tokens that are spread over ranks, keys and values going round in a ring: in step
 * i rank r attends to the part of rank r - i while that part is on its way to rank r + 1. Partial
 * results are merged by their log-sum-exp in float32.
 */
final class RingAttention implements Attention {
  private final ProcessGroup group;
  private final Supplier<long[]> tokenCounts;

  /**
   * @param tokenCounts tokens at each place of the ring in the sample in work
   */
  RingAttention(ProcessGroup group, Supplier<long[]> tokenCounts) {
    this.group = group;
    this.tokenCounts = tokenCounts;
  }

  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v) {
    int size = group.size();
    int rank = group.rank();
    int next = (rank + 1) % size;
    int previous = Math.floorMod(rank - 1, size);
    long[] counts = tokenCounts.get();
    double scale = 1 / Math.sqrt(q.size(3));
    try (TensorScope scope = TensorScope.open();
        MergedAttention merged = new MergedAttention()) {
      Tensor part = Tensor.stack(0, k, v); // [2, B, S, H, D]
      for (int step = 0; step < size; step++) {
        boolean last = step == size - 1;
        Tensor coming = null;
        Work exchange = Work.DONE;
        if (!last) {
          long[] shape = part.shape();
          shape[2] = counts[Math.floorMod(rank - step - 1, size)];
          coming = Tensor.empty(part.dtype(), part.device(), shape);
          exchange = group.exchange(part, next, coming, previous);
        }
        try (TensorScope stepScope = TensorScope.open()) {
          merged.add(
              Kernels.attentionWithLse(q, part.select(0, 0), part.select(0, 1), scale, false));
        }
        exchange.await();
        part.close();
        part = coming;
      }
      return scope.keep(merged.out().to(q.dtype()));
    }
  }
}
