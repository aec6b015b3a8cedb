package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.DType;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * {@code linear_2(silu(linear_1(x)))}, and the sinusoid that usually feeds it (diffusers'
 * TimestepEmbedding).
 */
public final class TimestepEmbedding {
  private static final double MAX_PERIOD = 10_000;

  private final Linear linear1;
  private final Linear linear2;

  public TimestepEmbedding(Weights w, LinearFactory linears, int in, int dim) {
    this(w, linears, in, dim, true);
  }

  /**
   * @param bias whether the two layers have one
   */
  public TimestepEmbedding(Weights w, LinearFactory linears, int in, int dim, boolean bias) {
    this.linear1 = linears.replicated(w.at("linear_1"), in, dim, bias);
    this.linear2 = linears.replicated(w.at("linear_2"), dim, dim, bias);
  }

  /** x [B, in] to [B, dim]. */
  public Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(linear2.forward(Functional.silu(linear1.forward(x))));
    }
  }

  /**
   * cos(t f_i), sin(t f_i), cosines first, with f_i = 10000^(-i / half) in float32.
   *
   * @param t [B], any dtype, already in steps of 0 to 1000
   * @return float32 [B, channels]
   */
  public static Tensor sinusoid(Tensor t, int channels) {
    int half = channels / 2;
    try (TensorScope scope = TensorScope.open()) {
      Tensor exponent =
          Tensor.arange(half, DType.FLOAT32, t.device()).mul(-Math.log(MAX_PERIOD)).div(half);
      Tensor angles = t.to(DType.FLOAT32).unsqueeze(1).mul(exponent.exp().unsqueeze(0));
      return scope.keep(Tensor.cat(-1, angles.cos(), angles.sin()));
    }
  }
}
