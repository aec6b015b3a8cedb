package io.jdit.parallel;

import io.jdit.attention.Attention;
import io.jdit.attention.KeyMask;
import io.jdit.attention.Tokens;
import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.metrics.Trace;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.List;

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
  private final Attention local;
  private final PartialAttention partial;

  /**
   * @param local attention to keys that are all here
   */
  RingAttention(ProcessGroup group, Attention local, PartialAttention partial) {
    this.group = group;
    this.local = local;
    this.partial = partial;
  }

  @Override
  public Attention local() {
    return local;
  }

  /**
   * @param tokens in as many parts as the ring has places
   */
  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v, Tokens tokens) {
    int size = group.size();
    int rank = group.rank();
    int next = (rank + 1) % size;
    int previous = Math.floorMod(rank - 1, size);
    long[] counts = tokens.counts();
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
          KeyMask mask = tokens.part(Math.floorMod(rank - step, size)).mask();
          try (Trace.Span span = Trace.span(Trace.Kind.ATTENTION, "ring part")) {
            merged.add(attend(q, part.select(0, 0), part.select(0, 1), scale, mask));
          }
        }
        exchange.await();
        part.close();
        part = coming;
      }
      return scope.keep(merged.out().to(q.dtype()));
    }
  }

  private AttentionWithLse attend(Tensor q, Tensor k, Tensor v, double scale, KeyMask mask) {
    if (mask == null) {
      return partial.forward(q, k, v, scale);
    }
    List<AttentionWithLse> rows =
        mask.attend(
            q,
            k,
            v,
            (a, b, c) -> b.size(1) == 0 ? withoutKeys(a) : partial.forward(a, b, c, scale));
    return new AttentionWithLse(
        Tensor.cat(0, rows.stream().map(AttentionWithLse::out).toArray(Tensor[]::new)),
        Tensor.cat(0, rows.stream().map(AttentionWithLse::logSumExp).toArray(Tensor[]::new)));
  }

  /** Weighs nothing in a merge. */
  private static AttentionWithLse withoutKeys(Tensor q) {
    return new AttentionWithLse(
        Tensor.zeros(q.dtype(), q.device(), q.shape()),
        Tensor.full(
            Double.NEGATIVE_INFINITY, DType.FLOAT32, q.device(), q.size(0), q.size(2), q.size(1)));
  }
}
