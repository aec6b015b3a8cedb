package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** {@code net.2(gelu_tanh(net.0.proj(x)))} (diffusers' FeedForward, gelu-approximate). */
public final class FeedForward {
  private final Linear in;
  private final Linear out;

  /** Of width {@code 4 dim}. */
  public FeedForward(Weights w, LinearFactory linears, int dim) {
    this(w, linears, dim, 4 * dim);
  }

  public FeedForward(Weights w, LinearFactory linears, int dim, int width) {
    this.in = linears.column(w.at("net.0.proj"), dim, width, true);
    this.out = linears.row(w.at("net.2"), width, dim, true);
  }

  public Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(out.forward(in.geluTanhFor(out, Input.of(x))));
    }
  }
}
