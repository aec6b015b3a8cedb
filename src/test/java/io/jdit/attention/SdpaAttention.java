package io.jdit.attention;

import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** LibTorch's {@code scaled_dot_product_attention}. */
public final class SdpaAttention implements Attention {
  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v, Tokens tokens) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor o =
          Functional.scaledDotProductAttention(
              q.transpose(1, 2),
              k.transpose(1, 2),
              v.transpose(1, 2),
              null,
              false,
              1 / Math.sqrt(q.size(3)));
      return scope.keep(o.transpose(1, 2).contiguous());
    }
  }
}
