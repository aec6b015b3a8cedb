package io.jdit.attention;

import io.jdit.tensor.Tensor;

/** softmax(q k^T / sqrt(headDim)) v over the tokens of a sample, wherever they are. */
@FunctionalInterface
public interface Attention {
  /**
   * @param q [B, Nq, H, headDim], the tokens here
   * @param k [B, Nk, H, headDim]; v likewise
   * @param tokens of the sample, the same for every attention of a transformer call
   * @return [B, Nq, H, headDim], contiguous
   */
  Tensor forward(Tensor q, Tensor k, Tensor v, Tokens tokens);

  /** Over tokens that are all here and all count. */
  default Tensor forward(Tensor q, Tensor k, Tensor v) {
    return forward(q, k, v, Tokens.here());
  }

  /**
   * Begins an attention whose operands come one after the other: an implementation that sends them
   * to other ranks does so while the next one is computed.
   */
  default AttentionCall begin(Tokens tokens) {
    return new DirectCall(this, tokens);
  }

  /**
   * The attention to keys and values that are complete on every rank, for example those of a text
   * in cross attention: nothing is exchanged, the queries are the tokens here. Query and key may
   * have different lengths.
   */
  default Attention local() {
    return this;
  }
}
