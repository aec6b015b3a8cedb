package io.jdit.tensor;

import org.bytedeco.pytorch.IValue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * LibTorch's kernels of scaled dot product attention, called by name: to choose one of them, and
 * for the second result of the fused ones, the log-sum-exp of the scores, which {@code
 * scaled_dot_product_attention} drops.
 */
public final class FusedSdpa {
  private static final Logger LOG = LoggerFactory.getLogger(FusedSdpa.class);

  /** The fused CUDA kernels take head dimensions that are multiples of this. */
  private static final long DIM_MULTIPLE = 8;

  /** Features of a head that flash attention takes on CUDA. */
  public static final long LARGEST_FLASH_DIM = 256;

  private static final long LARGEST_CUDNN_DIM = 128;

  /** Below this, planning cuDNN's kernel for a shape takes longer than it saves. */
  private static final long FEWEST_CUDNN_TOKENS = 512;

  private static final double NO_DROPOUT = 0;

  /** Made at the first call: the CUDA operators are declared in the CPU library as well. */
  static final class Ops {
    static final AtenOp CPU_FLASH = new AtenOp("aten::_scaled_dot_product_flash_attention_for_cpu");
    static final AtenOp FLASH = new AtenOp("aten::_scaled_dot_product_flash_attention");
    static final AtenOp EFFICIENT = new AtenOp("aten::_scaled_dot_product_efficient_attention");
    static final AtenOp CUDNN = new AtenOp("aten::_scaled_dot_product_cudnn_attention");
    static final AtenOp MATH = new AtenOp("aten::_scaled_dot_product_attention_math");

    private Ops() {}
  }

  /** Which fused operator runs. */
  public enum Backend {
    CPU_FLASH,
    FLASH,
    EFFICIENT,
    CUDNN
  }

  /** Set when cuDNN refused: this card or shape is not for it. */
  private static volatile boolean cudnnRefused;

  private FusedSdpa() {}

  private static boolean usesCudnn(Tensor q, Tensor k, boolean causal) {
    return q.device().isCuda()
        && !cudnnRefused
        && !causal
        && fitsCudnn(q.dtype(), q.size(3), q.size(2), k.size(2));
  }

  /**
   * cuDNN's kernel takes half the time of flash attention 2 on a Hopper card, where {@code
   * scaled_dot_product_attention} prefers it as well.
   */
  static boolean fitsCudnn(DType dtype, long dim, long queries, long keys) {
    return (dtype == DType.BFLOAT16 || dtype == DType.FLOAT16)
        && dim <= LARGEST_CUDNN_DIM
        && dim % DIM_MULTIPLE == 0
        && Math.min(queries, keys) >= FEWEST_CUDNN_TOKENS;
  }

  private static void refuse(RuntimeException e) {
    cudnnRefused = true;
    LOG.warn(
        "cuDNN's attention is not used, flash attention is: {}",
        String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
  }

  /**
   * softmax(scale q k^T) v and the natural log-sum-exp of the scaled scores.
   *
   * @param q [B, H, Nq, D], on the CPU or on CUDA
   * @param k [B, H, Nk, D]; v likewise
   * @param causal query i sees the keys 0 .. i
   * @return output [B, H, Nq, D] and float32 [B, H, Nq], contiguous
   */
  public static Tensor[] withLogSumExp(Tensor q, Tensor k, Tensor v, double scale, boolean causal) {
    if (usesCudnn(q, k, causal)) {
      try {
        return withLogSumExp(Backend.CUDNN, q, k, v, scale, causal);
      } catch (RuntimeException e) {
        refuse(e);
      }
    }
    Backend backend =
        q.device().isCuda()
            ? cudaBackend(q.dtype(), q.size(3), causal && q.size(2) != k.size(2))
            : Backend.CPU_FLASH;
    return withLogSumExp(backend, q, k, v, scale, causal);
  }

  /**
   * The same by one operator.
   *
   * @throws RuntimeException LibTorch's, when the operator does not take this device, dtype or
   *     shape
   */
  public static Tensor[] withLogSumExp(
      Backend backend, Tensor q, Tensor k, Tensor v, double scale, boolean causal) {
    try (TensorScope scope = TensorScope.open()) {
      long dim = q.size(3);
      long missing = backend == Backend.CPU_FLASH ? 0 : Math.floorMod(-dim, DIM_MULTIPLE);
      Tensor[] results =
          call(backend, padded(q, missing), padded(k, missing), padded(v, missing), scale, causal);
      // cuDNN's has a dimension of 1 at its end; the efficient kernel rounds the queries up.
      Tensor rows = results[1].dim() == 4 ? results[1].squeeze(3) : results[1];
      Tensor lse = rows.narrow(2, 0, q.size(2)).to(DType.FLOAT32).contiguous();
      Tensor out = missing == 0 ? results[0] : results[0].narrow(3, 0, dim);
      return new Tensor[] {scope.keep(out), scope.keep(lse)};
    }
  }

  /** The output [B, H, Nq, D] alone, by two matrix products with all scores in memory between. */
  public static Tensor math(Tensor q, Tensor k, Tensor v, double scale, boolean causal) {
    return Ops.MATH.call(
        new IValue(q.handle()),
        new IValue(k.handle()),
        new IValue(v.handle()),
        new IValue(), // no mask
        new IValue(NO_DROPOUT),
        new IValue(causal),
        new IValue(), // no dropout mask
        new IValue(scale),
        new IValue(false)); // no grouped queries
  }

  /**
   * Flash attention where it can: sixteen bits, heads up to 256, and causal only for a square of
   * scores, since it aligns the diagonal with the last key.
   */
  static Backend cudaBackend(DType dtype, long dim, boolean causalNotSquare) {
    boolean sixteenBits = dtype == DType.BFLOAT16 || dtype == DType.FLOAT16;
    return sixteenBits && dim <= LARGEST_FLASH_DIM && !causalNotSquare
        ? Backend.FLASH
        : Backend.EFFICIENT;
  }

  private static Tensor[] call(
      Backend backend, Tensor q, Tensor k, Tensor v, double scale, boolean causal) {
    IValue query = new IValue(q.handle());
    IValue key = new IValue(k.handle());
    IValue value = new IValue(v.handle());
    IValue dropout = new IValue(NO_DROPOUT);
    IValue lower = new IValue(causal);
    IValue factor = new IValue(scale);
    return switch (backend) {
      case CPU_FLASH -> {
        IValue noMask = new IValue();
        yield Ops.CPU_FLASH.call(2, query, key, value, dropout, lower, noMask, factor);
      }
      case FLASH -> {
        IValue debugMask = new IValue(false);
        yield Ops.FLASH.call(2, query, key, value, dropout, lower, debugMask, factor);
      }
      case EFFICIENT -> {
        IValue noBias = new IValue();
        IValue withLse = new IValue(true);
        yield Ops.EFFICIENT.call(2, query, key, value, noBias, withLse, dropout, lower, factor);
      }
      case CUDNN -> {
        IValue noBias = new IValue();
        IValue withLse = new IValue(true);
        IValue debugMask = new IValue(false);
        yield Ops.CUDNN.call(
            2, query, key, value, noBias, withLse, dropout, lower, debugMask, factor);
      }
    };
  }

  /**
   * Features side by side, as the CUDA kernels need them, and zeros added: they change no score.
   */
  private static Tensor padded(Tensor x, long missing) {
    if (missing == 0) {
      return x.stride(3) == 1 ? x : x.contiguous();
    }
    return Tensor.cat(
        3, x, Tensor.zeros(x.dtype(), x.device(), x.size(0), x.size(1), x.size(2), missing));
  }
}
