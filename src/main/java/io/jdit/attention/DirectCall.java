package io.jdit.attention;

import io.jdit.tensor.Tensor;

/** Collects the operands and calls {@link Attention#forward}. */
final class DirectCall implements AttentionCall {
  private final Attention attention;
  private final Tokens tokens;
  private Tensor q;
  private Tensor k;
  private Tensor v;

  DirectCall(Attention attention, Tokens tokens) {
    this.attention = attention;
    this.tokens = tokens;
  }

  @Override
  public void query(Tensor tensor) {
    q = tensor;
  }

  @Override
  public void key(Tensor tensor) {
    k = tensor;
  }

  @Override
  public void value(Tensor tensor) {
    v = tensor;
  }

  @Override
  public Result start() {
    Tensor o = attention.forward(q, k, v, tokens);
    return () -> o;
  }
}
