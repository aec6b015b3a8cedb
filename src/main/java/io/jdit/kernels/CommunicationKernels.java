package io.jdit.kernels;

import static io.jdit.kernels.NativeCall.call;
import static io.jdit.kernels.NativeCall.dtypeCode;
import static io.jdit.kernels.NativeCall.requireFloat32;
import static io.jdit.kernels.NativeCall.supports;

import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.tensor.DType;
import io.jdit.tensor.Shapes;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;

/**
 * The fused functions of attention over several ranks: rows to float8 and back on their way through
 * an all-to-all, and the merge of partial results in a ring.
 *
 * <p>Like {@link Kernels}, with the same rules for arguments.
 */
public final class CommunicationKernels {
  /** Dimensions of the kernels' index space of rows. */
  private static final int ROW_DIMS = 4;

  private CommunicationKernels() {}

  /**
   * Quantises rows and writes them where they go: the permutation of an exchange is in the strides
   * of the two views, so it costs no pass of its own.
   *
   * @param x [..., D], at most four dimensions before D
   * @param packed uint8 [..., format.bytes(D)], rows contiguous, a view or not
   */
  public static void packFloat8(Tensor x, Float8Format format, Tensor packed) {
    requireRows("packFloat8", x, format, packed);
    try (TensorScope scope = TensorScope.open()) {
      if (!supports(x)) {
        packed.copy_(EagerKernels.packFloat8(x, format));
        return;
      }
      Tensor in = adjacent(x) ? x : x.contiguous();
      var p = in.dataPointer();
      var o = packed.dataPointer();
      long[] shape = rowShape(in);
      long[] from = rowStrides(in);
      long[] to = rowStrides(packed);
      long dim = x.size(-1);
      int scale = scaleCode(format);
      int code = dtypeCode(x);
      call(
          x.device(),
          stream -> CudaKernels.jdit_fp8_pack(p, o, shape, from, to, dim, scale, code, stream),
          stream -> CpuKernels.jdit_fp8_pack(p, o, shape, from, to, dim, scale, code, stream));
    }
  }

  /**
   * Reads what {@link #packFloat8} wrote: code times scale, rounded once.
   *
   * @param packed uint8 [..., format.bytes(D)], rows contiguous, a view or not
   * @param x receives the numbers, [..., D], rows contiguous, a view or not
   */
  public static void unpackFloat8(Tensor packed, Float8Format format, Tensor x) {
    requireRows("unpackFloat8", x, format, packed);
    if (!adjacent(x)) {
      throw new IllegalArgumentException("unpackFloat8 x: expected contiguous rows, found " + x);
    }
    try (TensorScope scope = TensorScope.open()) {
      if (!supports(x)) {
        x.copy_(EagerKernels.unpackFloat8(packed, format));
        return;
      }
      var p = packed.dataPointer();
      var o = x.dataPointer();
      long[] shape = rowShape(x);
      long[] from = rowStrides(packed);
      long[] to = rowStrides(x);
      long dim = x.size(-1);
      int scale = scaleCode(format);
      int code = dtypeCode(x);
      call(
          x.device(),
          stream -> CudaKernels.jdit_fp8_unpack(p, o, shape, from, to, dim, scale, code, stream),
          stream -> CpuKernels.jdit_fp8_unpack(p, o, shape, from, to, dim, scale, code, stream));
    }
  }

  /**
   * Takes attention over another set of keys into {@code merged}, in place and in float32: w =
   * sigmoid(lse' - lse), out -= w (out - out'), lse = log(exp(lse) + exp(lse')). An infinite
   * log-sum-exp, of either sign, means a query without keys; that side is then ignored.
   *
   * @param merged float32 out [B, N, H, Dh] and log-sum-exp, both contiguous
   * @param part out of the same shape in any dtype
   */
  public static void mergeAttention_(AttentionWithLse merged, AttentionWithLse part) {
    Tensor out = merged.out();
    Tensor lse = merged.logSumExp();
    Shapes.require("mergeAttention out", out, -1, -1, -1, -1);
    requireFloat32("mergeAttention out", out, part.out().device());
    Shapes.require("mergeAttention part", part.out(), out.shape());
    for (Tensor t : new Tensor[] {lse, part.logSumExp()}) {
      requireFloat32("mergeAttention logSumExp", t, out.device());
      Shapes.require("mergeAttention logSumExp", t, out.size(0), out.size(2), out.size(1));
    }
    if (!out.isContiguous() || !lse.isContiguous()) {
      throw new IllegalArgumentException("mergeAttention: expected contiguous tensors to merge to");
    }
    try (TensorScope scope = TensorScope.open()) {
      if (!supports(part.out())) {
        EagerKernels.mergeAttention_(merged, part);
        return;
      }
      var o = out.dataPointer();
      var l = lse.dataPointer();
      var p = part.out().contiguous().dataPointer();
      var q = part.logSumExp().contiguous().dataPointer();
      long b = out.size(0);
      long n = out.size(1);
      long h = out.size(2);
      long d = out.size(3);
      int code = dtypeCode(part.out());
      call(
          out.device(),
          stream -> CudaKernels.jdit_merge_attention(o, l, p, q, b, n, h, d, code, stream),
          stream -> CpuKernels.jdit_merge_attention(o, l, p, q, b, n, h, d, code, stream));
    }
  }

  private static int scaleCode(Float8Format format) {
    return format.scaleType() == DType.FLOAT32 ? CpuKernels.JDIT_FLOAT32 : CpuKernels.JDIT_BFLOAT16;
  }

  /** Whether the elements of a row lie side by side. */
  private static boolean adjacent(Tensor x) {
    return x.size(-1) == 1 || x.stride(-1) == 1;
  }

  /** Sizes before the last dimension, as four: ones in front. */
  private static long[] rowShape(Tensor x) {
    long[] shape = {1, 1, 1, 1};
    int rowDims = x.dim() - 1;
    System.arraycopy(x.shape(), 0, shape, ROW_DIMS - rowDims, rowDims);
    return shape;
  }

  private static long[] rowStrides(Tensor x) {
    long[] strides = new long[ROW_DIMS];
    int rowDims = x.dim() - 1;
    for (int i = 0; i < rowDims; i++) {
      strides[ROW_DIMS - rowDims + i] = x.stride(i);
    }
    return strides;
  }

  private static void requireRows(String what, Tensor x, Float8Format format, Tensor packed) {
    int rowDims = x.dim() - 1;
    if (rowDims < 0 || rowDims > ROW_DIMS || x.size(-1) == 0) {
      throw new IllegalArgumentException(
          what + " x: expected one to five dimensions, the last not empty, found " + x);
    }
    if (packed.dtype() != DType.UINT8
        || !packed.device().equals(x.device())
        || packed.dim() != x.dim()
        || packed.stride(-1) != 1) {
      throw new IllegalArgumentException(
          what + " packed: expected contiguous rows of uint8 like " + x + ", found " + packed);
    }
    long[] shape = Arrays.copyOf(x.shape(), rowDims + 1);
    shape[rowDims] = format.bytes(x.size(-1));
    Shapes.require(what + " packed", packed, shape);
  }
}
