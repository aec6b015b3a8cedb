package io.jdit.attention;

import io.jdit.metrics.Trace;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Attention on one device by one of its kernels. With a mask it runs on the keys that count, see
 * {@link KeyMask}.
 */
public final class FusedAttention implements Attention {
  private final AttentionKernel kernel;

  /** By the native kernel. */
  public FusedAttention() {
    this(BuiltInKernel.NATIVE);
  }

  public FusedAttention(AttentionKernel kernel) {
    this.kernel = kernel;
  }

  public AttentionKernel kernel() {
    return kernel;
  }

  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v, Tokens tokens) {
    if (tokens.mask() == null) {
      return unmasked(q, k, v);
    }
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          Tensor.cat(0, tokens.mask().attend(q, k, v, this::unmasked).toArray(Tensor[]::new)));
    }
  }

  private Tensor unmasked(Tensor q, Tensor k, Tensor v) {
    try (Trace.Span span = Trace.span(Trace.Kind.ATTENTION, kernel.toString())) {
      return kernel.forward(q, k, v, 1 / Math.sqrt(q.size(3)));
    }
  }
}
