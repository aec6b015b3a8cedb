package io.jdit.kernels;

import static io.jdit.kernels.NativeCall.check;
import static io.jdit.kernels.NativeCall.dtypeCode;
import static io.jdit.kernels.NativeCall.pointer;
import static io.jdit.kernels.NativeCall.requireLike;
import static io.jdit.kernels.NativeCall.requireSameKind;
import static io.jdit.kernels.NativeCall.supports;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Shapes;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * softmax(scale q k^T) v without holding the scores. Arguments are borrowed and may be views: q [B,
 * Nq, H, Dh], k and v [B, Nk, H, Dh]. A wrong shape, dtype or device is an {@link
 * IllegalArgumentException} that names the argument.
 */
public final class AttentionKernels {
  private AttentionKernels() {}

  /**
   * Attention's output and the log-sum-exp of each query's scaled scores, which merge partial
   * results of several blocks of keys.
   *
   * @param out [B, Nq, H, Dh]
   * @param logSumExp float32 [B, H, Nq]
   */
  public record AttentionWithLse(Tensor out, Tensor logSumExp) {}

  /**
   * On CUDA this is LibTorch's flash attention.
   *
   * @param causal query i sees the keys 0 .. i
   * @return [B, Nq, H, Dh], contiguous
   */
  public static Tensor attention(Tensor q, Tensor k, Tensor v, double scale, boolean causal) {
    requireAttention(q, k, v);
    if (q.device().isCuda() || !supports(q)) {
      return EagerKernels.attention(q, k, v, scale, causal);
    }
    return attend(q, k, v, scale, causal, false, null);
  }

  /**
   * {@link #attention} and the log-sum-exp of the scaled scores, which are never held in memory on
   * either device.
   */
  public static AttentionWithLse attentionWithLse(
      Tensor q, Tensor k, Tensor v, double scale, boolean causal) {
    requireAttention(q, k, v);
    if (q.device().isCuda() || !supports(q)) {
      return EagerKernels.attentionWithLse(q, k, v, scale, causal);
    }
    Tensor lse = emptyLse(q);
    return new AttentionWithLse(attend(q, k, v, scale, causal, false, lse), lse);
  }

  /** Whether {@link #int8Attention} is a kernel here and not a chain of operators. */
  public static boolean hasInt8(DType dtype, Device device) {
    return device.isCpu() && supports(dtype, device) && CpuKernels.jdit_has_quantized_linear() != 0;
  }

  /**
   * Attention with scores from codes of 8 bits: q and k less its mean over the keys become integers
   * with a scale max|x| / 127 for each token of a head. The mean moves all scores of a query alike,
   * so that the output stays what it is. Probabilities and v keep the dtype. See SageAttention,
   * Zhang et al. 2024, arXiv 2410.02367.
   *
   * @return [B, Nq, H, Dh], contiguous
   */
  public static Tensor int8Attention(Tensor q, Tensor k, Tensor v, double scale) {
    requireAttention(q, k, v);
    if (!hasInt8(q.dtype(), q.device())) {
      try (TensorScope scope = TensorScope.open()) {
        return scope.keep(EagerKernels.int8AttentionWithLse(q, k, v, scale).out());
      }
    }
    return attend(q, k, v, scale, false, true, null);
  }

  /** {@link #int8Attention} and the log-sum-exp of its scaled scores, the mean's part included. */
  public static AttentionWithLse int8AttentionWithLse(Tensor q, Tensor k, Tensor v, double scale) {
    requireAttention(q, k, v);
    if (!hasInt8(q.dtype(), q.device())) {
      return EagerKernels.int8AttentionWithLse(q, k, v, scale);
    }
    Tensor lse = emptyLse(q);
    return new AttentionWithLse(attend(q, k, v, scale, false, true, lse), lse);
  }

  private static Tensor emptyLse(Tensor q) {
    return Tensor.empty(DType.FLOAT32, q.device(), q.size(0), q.size(2), q.size(1));
  }

  private static Tensor attend(
      Tensor q, Tensor k, Tensor v, double scale, boolean causal, boolean int8, Tensor lse) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor a = q.stride(3) == 1 ? q : q.contiguous();
      Tensor b = k.stride(3) == 1 ? k : k.contiguous();
      Tensor c = v.stride(3) == 1 ? v : v.contiguous();
      Tensor out = Tensor.empty(q.dtype(), q.device(), q.shape());
      check(
          CpuKernels.jdit_attention(
              a.dataPointer(),
              b.dataPointer(),
              c.dataPointer(),
              out.dataPointer(),
              pointer(lse),
              q.size(0),
              q.size(2),
              q.size(1),
              k.size(1),
              q.size(3),
              a.stride(0),
              a.stride(1),
              a.stride(2),
              b.stride(0),
              b.stride(1),
              b.stride(2),
              c.stride(0),
              c.stride(1),
              c.stride(2),
              out.stride(0),
              out.stride(1),
              out.stride(2),
              scale,
              causal ? 1 : 0,
              int8 ? 1 : 0,
              dtypeCode(q),
              null),
          q.device());
      return scope.keep(out);
    }
  }

  private static void requireAttention(Tensor q, Tensor k, Tensor v) {
    Shapes.require("attention q", q, -1, -1, -1, -1);
    requireSameKind("attention k", k, q);
    Shapes.require("attention k", k, q.size(0), -1, q.size(2), q.size(3));
    requireLike("attention v", v, k);
  }
}
