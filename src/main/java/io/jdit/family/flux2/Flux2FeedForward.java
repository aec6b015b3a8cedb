package io.jdit.family.flux2;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** diffusers' Flux2FeedForward: {@code linear_out(gated(linear_in(x)))}. */
final class Flux2FeedForward {
  private final Linear linearIn;
  private final Linear linearOut;

  Flux2FeedForward(Flux2Config config, Weights w, LinearFactory linears) {
    int f = config.mlpDim();
    linearIn = linears.column(w.at("linear_in"), config.innerDim(), new int[] {f, f}, false);
    linearOut = linears.row(w.at("linear_out"), f, config.innerDim(), false);
  }

  /** x [B, N, D] to the same shape. */
  Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(linearOut.forward(gated(linearIn.forward(x))));
    }
  }

  /** silu(a) b of the halves a, b (SwiGLU, arXiv 2002.05202); x [..., 2F] to [..., F]. */
  static Tensor gated(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] halves = x.chunk(2, -1);
      return scope.keep(Kernels.siluMul(halves[0], halves[1]));
    }
  }
}
