package io.jdit.engine;

import io.jdit.attention.Attention;
import io.jdit.attention.FusedAttention;
import io.jdit.attention.Tokens;
import io.jdit.tensor.Tensor;

/** Attention of one process on the CPU with a clock beside it. */
final class TimedAttention implements Attention {
  private final Attention attention = new FusedAttention();
  private long nanoseconds;

  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v, Tokens tokens) {
    long start = System.nanoTime();
    try {
      return attention.forward(q, k, v, tokens);
    } finally {
      nanoseconds += System.nanoTime() - start;
    }
  }

  /** Milliseconds since the last call of this method. */
  double take() {
    double milliseconds = nanoseconds / 1e6;
    nanoseconds = 0;
    return milliseconds;
  }
}
