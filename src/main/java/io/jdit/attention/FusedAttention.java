package io.jdit.attention;

import io.jdit.kernels.Kernels;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Online-softmax attention: our own kernel on the CPU, LibTorch's flash attention on CUDA. With a
 * mask they run on the keys that count, see {@link KeyMask}.
 */
public final class FusedAttention implements Attention {
  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v, Tokens tokens) {
    if (tokens.mask() == null) {
      return unmasked(q, k, v);
    }
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          Tensor.cat(
              0, tokens.mask().attend(q, k, v, FusedAttention::unmasked).toArray(Tensor[]::new)));
    }
  }

  private static Tensor unmasked(Tensor q, Tensor k, Tensor v) {
    return Kernels.attention(q, k, v, 1 / Math.sqrt(q.size(3)), false);
  }
}
