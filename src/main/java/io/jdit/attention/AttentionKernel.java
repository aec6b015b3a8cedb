package io.jdit.attention;

import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.tensor.Tensor;

/**
 * How softmax(scale q k^T) v is computed on one device, without a mask. Shapes as in {@link
 * Attention}: q [B, Nq, H, headDim], k and v [B, Nk, H, headDim].
 */
public interface AttentionKernel {
  /**
   * @return [B, Nq, H, headDim], contiguous
   */
  Tensor forward(Tensor q, Tensor k, Tensor v, double scale);

  /** Whether there is {@link #withLogSumExp}, which merging partial results needs. */
  boolean hasLogSumExp();

  /** The output with the natural log-sum-exp of the scaled scores, float32 [B, H, Nq]. */
  AttentionWithLse withLogSumExp(Tensor q, Tensor k, Tensor v, double scale);

  /** The name that settings know it by. */
  @Override
  String toString();
}
