package io.jdit.parallel;

import io.jdit.kernels.Kernels.AttentionWithLse;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import org.bytedeco.pytorch.global.torch;

/**
 * Attention over all keys seen so far, merged from parts in float32: w = sigmoid(lse_new - lse),
 * out = out - w (out - out_new), lse = log(exp(lse) + exp(lse_new)).
 */
final class MergedAttention implements AutoCloseable {
  private Tensor out; // float32 [B, S, H, D]
  private Tensor lse; // float32 [B, H, S]

  /** Takes in the attention over another part of the keys; {@code part} stays the caller's. */
  void add(AttentionWithLse part) {
    try (TensorScope scope = TensorScope.open()) {
      if (out == null) {
        out = TensorScope.detach(part.out().to(DType.FLOAT32).copy());
        lse = TensorScope.detach(part.logSumExp().copy());
        return;
      }
      Tensor weight = part.logSumExp().sub(lse).sigmoid().transpose(1, 2).unsqueeze(-1);
      out.add_(part.out().to(DType.FLOAT32).sub(out).mul(weight));
      lse.copy_(Tensor.wrap(torch.logaddexp(lse.handle(), part.logSumExp().handle())));
    }
  }

  Tensor out() {
    return out;
  }

  Tensor lse() {
    return lse;
  }

  @Override
  public void close() {
    if (out != null) {
      out.close();
      lse.close();
    }
  }
}
