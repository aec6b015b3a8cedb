package io.jdit.parallel;

import io.jdit.attention.Attention;
import io.jdit.kernels.Kernels;
import io.jdit.kernels.Kernels.AttentionWithLse;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.Supplier;

/**
 * Attention over tokens that are spread over ranks, keys and values going round in a ring: in step
 * i rank r attends to the part of rank r - i while that part is on its way to rank r + 1. Partial
 * results are merged by their log-sum-exp in float32.
 */
final class RingAttention implements Attention {
  /** Attention to a part of the keys, with the log-sum-exp of the scaled scores. */
  @FunctionalInterface
  interface PartialAttention {
    AttentionWithLse forward(Tensor q, Tensor k, Tensor v, double scale);
  }

  private final ProcessGroup group;
  private final Supplier<long[]> tokenCounts;
  private final PartialAttention partial;

  /**
   * @param tokenCounts tokens at each place of the ring in the sample in work
   */
  RingAttention(ProcessGroup group, Supplier<long[]> tokenCounts, PartialAttention partial) {
    this.group = group;
    this.tokenCounts = tokenCounts;
    this.partial = partial;
  }

  /** The fused kernel on each part. */
  RingAttention(ProcessGroup group, Supplier<long[]> tokenCounts) {
    this(group, tokenCounts, (q, k, v, scale) -> Kernels.attentionWithLse(q, k, v, scale, false));
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
          merged.add(partial.forward(q, part.select(0, 0), part.select(0, 1), scale));
        }
        exchange.await();
        part.close();
        part = coming;
      }
      return scope.keep(merged.out().to(q.dtype()));
    }
  }
}
