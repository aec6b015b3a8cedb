package io.jdit.attention;

import io.jdit.tensor.Tensor;

/**
 * One attention in pieces. Query, key and value, each [B, S, H, headDim], are given once, in any
 * order, and stay open until the result is there.
 */
public interface AttentionCall {
  /** A result that may still be under way. */
  @FunctionalInterface
  interface Result {
    /**
     * Waits for it; called once.
     *
     * @return [B, S, H, headDim], contiguous
     */
    Tensor await();
  }

  void query(Tensor q);

  void key(Tensor k);

  void value(Tensor v);

  /** Computes, after all three operands are given. What it makes belongs to the innermost scope. */
  Result start();
}
