package io.jdit.engine;

import io.jdit.attention.Attention;
import io.jdit.attention.Tokens;
import io.jdit.metrics.Unmeasured;
import io.jdit.tensor.Tensor;

/** Attention of one process with a clock beside it. */
final class TimedAttention implements Attention {
  private final Attention attention;
  private long nanoseconds;

  TimedAttention(Attention attention) {
    this.attention = attention;
  }

  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v, Tokens tokens) {
    long start = Unmeasured.clock();
    try {
      return attention.forward(q, k, v, tokens);
    } finally {
      nanoseconds += Unmeasured.clock() - start;
    }
  }

  /** Milliseconds since the last call of this method. */
  double take() {
    double milliseconds = nanoseconds / 1e6;
    nanoseconds = 0;
    return milliseconds;
  }
}
