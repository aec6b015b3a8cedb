package io.jdit.attention;

import io.jdit.tensor.Tensor;

/** softmax(q k^T / sqrt(headDim)) v over all tokens. */
@FunctionalInterface
public interface Attention {
  /**
   * @param q [B, S, H, headDim]; k and v likewise
   * @return [B, S, H, headDim], contiguous
   */
  Tensor forward(Tensor q, Tensor k, Tensor v);

  /**
   * Begins an attention whose operands come one after the other: an implementation that sends them
   * to other ranks does so while the next one is computed.
   */
  default AttentionCall begin() {
    return new DirectCall(this);
  }
}
