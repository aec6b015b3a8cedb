package io.jdit.attention;

import io.jdit.kernels.Kernels;
import io.jdit.tensor.Tensor;

/** Online-softmax attention: our own kernel on the CPU, LibTorch's flash attention on CUDA. */
public final class FusedAttention implements Attention {
  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v) {
    return Kernels.attention(q, k, v, 1 / Math.sqrt(q.size(3)), false);
  }
}
