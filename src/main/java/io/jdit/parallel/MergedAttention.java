package io.jdit.parallel;

import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.kernels.CommunicationKernels;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** Attention over all keys seen so far, merged from parts in float32. */
final class MergedAttention implements AutoCloseable {
  private AttentionWithLse state; // float32 [B, S, H, D] and [B, H, S]

  /** Takes in the attention over another part of the keys; {@code part} stays the caller's. */
  void add(AttentionWithLse part) {
    if (state != null) {
      CommunicationKernels.mergeAttention_(state, part);
      return;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor out = part.out().to(DType.FLOAT32);
      state =
          new AttentionWithLse(
              TensorScope.detach(out.copy()), TensorScope.detach(part.logSumExp().copy()));
    }
  }

  Tensor out() {
    return state.out();
  }

  Tensor lse() {
    return state.logSumExp();
  }

  @Override
  public void close() {
    if (state != null) {
      state.out().close();
      state.logSumExp().close();
    }
  }
}
