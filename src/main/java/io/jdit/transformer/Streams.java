package io.jdit.transformer;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * What flows from block to block.
 *
 * @param hidden image (or video) tokens [B, N, D]; in one-stream blocks of some families text and
 *     image together
 * @param encoder text tokens [B, T, D], or null where a family has no second stream
 */
public record Streams(Tensor hidden, Tensor encoder) {
  private static final double FLOAT16_MAX = 65504;

  /** float16 overflows in deep models: the reference clips streams to the largest finite value. */
  public static Tensor clipFloat16(Tensor x) {
    return x.dtype() == DType.FLOAT16 ? x.clamp(-FLOAT16_MAX, FLOAT16_MAX) : x;
  }

  /** Lets both tensors survive {@code scope}. */
  public Streams keepIn(TensorScope scope) {
    scope.keep(hidden);
    if (encoder != null) {
      scope.keep(encoder);
    }
    return this;
  }

  /** Closes the tensors that {@code successor} does not hold too. */
  public void closeUnlessIn(Streams successor) {
    if (hidden != successor.hidden && hidden != successor.encoder) {
      hidden.close();
    }
    if (encoder != null && encoder != successor.encoder && encoder != successor.hidden) {
      encoder.close();
    }
  }
}
