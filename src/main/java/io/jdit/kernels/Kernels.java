package io.jdit.kernels;

import static io.jdit.kernels.NativeCall.call;
import static io.jdit.kernels.NativeCall.dtypeCode;
import static io.jdit.kernels.NativeCall.requireFloat32;
import static io.jdit.kernels.NativeCall.requireLike;
import static io.jdit.kernels.NativeCall.requireSameKind;
import static io.jdit.kernels.NativeCall.rowStride;
import static io.jdit.kernels.NativeCall.supports;

import io.jdit.metrics.Trace;
import io.jdit.tensor.Shapes;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * The fused operators of a transformer block. On the CPU and on CUDA they run in JDiT's own
 * libraries, computed in float32 and rounded once; where the library is absent, or the dtype is
 * another than float32, bfloat16 and float16, they run as a chain of tensor operators.
 *
 * <p>Arguments are borrowed and may be views. Shapes: B batch, N tokens, D features, H heads, Dh
 * head dimension. A wrong shape, dtype or device is an {@link IllegalArgumentException} that names
 * the argument.
 */
public final class Kernels {
  private Kernels() {}

  /**
   * Adaptive layer norm: LN(x) (1 + scale) + shift, LN without affine terms.
   *
   * @param x [B, N, D]
   * @param scale [B, D], possibly a slice of a wider tensor; shift likewise
   * @return [B, N, D]
   */
  public static Tensor layerNormModulate(Tensor x, Tensor scale, Tensor shift, double eps) {
    Shapes.require("layerNormModulate x", x, -1, -1, -1);
    requireModulation("layerNormModulate scale", scale, x);
    requireModulation("layerNormModulate shift", shift, x);
    if (!supports(x) || scale.stride(1) != 1 || shift.stride(1) != 1) {
      return EagerKernels.layerNormModulate(x, scale, shift, eps);
    }
    try (Trace.Span span = Trace.span(Trace.Kind.KERNEL, "layer_norm_modulate");
        TensorScope scope = TensorScope.open()) {
      Tensor rows = x.contiguous();
      Tensor out = Tensor.empty(x.dtype(), x.device(), x.shape());
      var p = rows.dataPointer();
      var s = scale.dataPointer();
      var t = shift.dataPointer();
      var o = out.dataPointer();
      long n = x.size(0) * x.size(1);
      long ss = scale.stride(0);
      long ts = shift.stride(0);
      int code = dtypeCode(x);
      call(
          x.device(),
          stream ->
              CudaKernels.jdit_layer_norm_modulate(
                  p, s, t, o, n, x.size(2), x.size(1), ss, ts, eps, code, stream),
          stream ->
              CpuKernels.jdit_layer_norm_modulate(
                  p, s, t, o, n, x.size(2), x.size(1), ss, ts, eps, code, stream));
      return scope.keep(out);
    }
  }

  /**
   * RMS norm over the head dimension, then rotation of pairs (x0 cos - x1 sin, x1 cos + x0 sin).
   *
   * @param x [B, N, H, Dh]
   * @param weight [Dh], null for no norm
   * @param cos float32 [N, Dh], each value twice, null for no rotation; sin likewise
   * @return [B, N, H, Dh], contiguous
   */
  public static Tensor rmsNormRope(Tensor x, Tensor weight, double eps, Tensor cos, Tensor sin) {
    Shapes.require("rmsNormRope x", x, -1, -1, -1, -1);
    Tensor out = Tensor.empty(x.dtype(), x.device(), x.shape());
    rmsNormRopeInto(x, weight, eps, cos, sin, out, 0);
    return out;
  }

  /**
   * The same, written to the tokens {@code offset .. offset + N} of {@code out}: so the text and
   * the image stream are joined without a copy of their own. With neither weight nor rotation it
   * copies.
   *
   * @param x [B, N, H, Dh], for example a slice of a fused projection
   * @param cos float32 [at least offset + N, Dh]; the rows {@code offset .. offset + N} are used
   * @param out [B, M, H, Dh], contiguous
   */
  public static void rmsNormRopeInto(
      Tensor x, Tensor weight, double eps, Tensor cos, Tensor sin, Tensor out, long offset) {
    Shapes.require("rmsNormRope x", x, -1, -1, -1, -1);
    long tokens = x.size(1);
    long heads = x.size(2);
    long dim = x.size(3);
    requireSameKind("rmsNormRope out", out, x);
    Shapes.require("rmsNormRope out", out, x.size(0), -1, heads, dim);
    long total = out.size(1);
    if (!out.isContiguous() || offset < 0 || offset + tokens > total) {
      throw new IllegalArgumentException(
          "rmsNormRope out: expected a contiguous tensor with room for tokens "
              + offset
              + " .. "
              + (offset + tokens)
              + ", found "
              + out);
    }
    requireSameKind("rmsNormRope weight", weight, x);
    if (weight != null) {
      Shapes.require("rmsNormRope weight", weight, dim);
    }
    requireTable("rmsNormRope cos", cos, x, offset + tokens);
    requireTable("rmsNormRope sin", sin, x, offset + tokens);
    if ((cos == null) != (sin == null)) {
      throw new IllegalArgumentException("rmsNormRope: cos and sin must be given together");
    }
    if (cos != null && dim % 2 != 0) {
      throw new IllegalArgumentException(
          "rmsNormRope x: rotation needs an even head dimension, found " + dim);
    }
    try (Trace.Span span = Trace.span(Trace.Kind.KERNEL, "rms_norm_rope");
        TensorScope scope = TensorScope.open()) {
      if (!supports(x)) {
        out.narrow(1, offset, tokens)
            .copy_(
                EagerKernels.rmsNormRope(
                    x,
                    weight,
                    eps,
                    cos == null ? null : cos.narrow(0, offset, tokens),
                    sin == null ? null : sin.narrow(0, offset, tokens)));
        return;
      }
      boolean direct = x.stride(3) == 1 && (heads == 1 || x.stride(2) == dim);
      Tensor in = direct ? x : x.contiguous();
      var p = in.dataPointer();
      var w = weight == null ? null : weight.contiguous().dataPointer();
      var c = cos == null ? null : cos.contiguous().dataPointer();
      var s = sin == null ? null : sin.contiguous().dataPointer();
      var o = out.dataPointer();
      long b = x.size(0);
      long bs = in.stride(0);
      long ts = in.stride(1);
      int code = dtypeCode(x);
      call(
          x.device(),
          stream ->
              CudaKernels.jdit_rms_norm_rope(
                  p, w, c, s, o, b, tokens, heads, dim, bs, ts, total, offset, eps, code, stream),
          stream ->
              CpuKernels.jdit_rms_norm_rope(
                  p, w, c, s, o, b, tokens, heads, dim, bs, ts, total, offset, eps, code, stream));
    }
  }

  /**
   * x + gate * y.
   *
   * @param x [B, N, D]; y likewise
   * @param gate [B, D], possibly a slice of a wider tensor
   */
  public static Tensor gatedResidual(Tensor x, Tensor gate, Tensor y) {
    Shapes.require("gatedResidual x", x, -1, -1, -1);
    requireLike("gatedResidual y", y, x);
    requireModulation("gatedResidual gate", gate, x);
    if (!supports(x) || gate.stride(1) != 1) {
      return EagerKernels.gatedResidual(x, gate, y);
    }
    try (Trace.Span span = Trace.span(Trace.Kind.KERNEL, "gated_residual");
        TensorScope scope = TensorScope.open()) {
      Tensor out = Tensor.empty(x.dtype(), x.device(), x.shape());
      var p = x.contiguous().dataPointer();
      var q = y.contiguous().dataPointer();
      var g = gate.dataPointer();
      var o = out.dataPointer();
      long rows = x.size(0) * x.size(1);
      int code = dtypeCode(x);
      call(
          x.device(),
          stream ->
              CudaKernels.jdit_gated_residual(
                  p, q, g, o, rows, x.size(2), x.size(1), gate.stride(0), code, stream),
          stream ->
              CpuKernels.jdit_gated_residual(
                  p, q, g, o, rows, x.size(2), x.size(1), gate.stride(0), code, stream));
      return scope.keep(out);
    }
  }

  /** GELU with the tanh approximation. */
  public static Tensor geluTanh(Tensor x) {
    Tensor out = Tensor.empty(x.dtype(), x.device(), x.shape());
    geluTanhInto(x, out);
    return out;
  }

  /**
   * The same, written to {@code out}, which may be {@code x} or a slice of a wider tensor: so a
   * single block puts attention and feed-forward side by side without a copy.
   *
   * @param x [..., D]; out likewise
   */
  public static void geluTanhInto(Tensor x, Tensor out) {
    requireLike("geluTanh out", out, x);
    long to = x.dim() == 0 ? -1 : rowStride(out);
    try (Trace.Span span = Trace.span(Trace.Kind.KERNEL, "gelu_tanh");
        TensorScope scope = TensorScope.open()) {
      if (!supports(x) || to < 0) {
        out.copy_(EagerKernels.geluTanh(x));
        return;
      }
      Tensor in = rowStride(x) < 0 ? x.contiguous() : x;
      long dim = x.size(-1);
      long rows = dim == 0 ? 0 : x.elements() / dim;
      var p = in.dataPointer();
      var o = out.dataPointer();
      long from = rowStride(in);
      int code = dtypeCode(x);
      call(
          x.device(),
          stream -> CudaKernels.jdit_gelu_tanh(p, o, rows, dim, from, to, code, stream),
          stream -> CpuKernels.jdit_gelu_tanh(p, o, rows, dim, from, to, code, stream));
    }
  }

  /**
   * silu(gate) up, the gate of a SwiGLU feed-forward (arXiv 2002.05202); both may be slices of one
   * product.
   *
   * @param gate [..., F]; up likewise
   * @return [..., F], contiguous
   */
  public static Tensor siluMul(Tensor gate, Tensor up) {
    requireLike("siluMul up", up, gate);
    if (gate.device().isMeta()) { // memory is planned by what is made here
      return Tensor.empty(gate.dtype(), gate.device(), gate.shape());
    }
    if (!supports(gate) || gate.dim() == 0) {
      return EagerKernels.siluMul(gate, up);
    }
    try (Trace.Span span = Trace.span(Trace.Kind.KERNEL, "silu_mul");
        TensorScope scope = TensorScope.open()) {
      Tensor a = rowStride(gate) < 0 ? gate.contiguous() : gate;
      Tensor b = rowStride(up) < 0 ? up.contiguous() : up;
      Tensor out = Tensor.empty(gate.dtype(), gate.device(), gate.shape());
      long dim = gate.size(-1);
      long rows = dim == 0 ? 0 : gate.elements() / dim;
      var g = a.dataPointer();
      var u = b.dataPointer();
      var o = out.dataPointer();
      long i = rowStride(a);
      long j = rowStride(b);
      int code = dtypeCode(gate);
      call(
          gate.device(),
          stream -> CudaKernels.jdit_silu_mul(g, u, o, rows, dim, i, j, code, stream),
          stream -> CpuKernels.jdit_silu_mul(g, u, o, rows, dim, i, j, code, stream));
      return scope.keep(out);
    }
  }

  /**
   * x / max(||x||, eps) weight over the channels of every pixel, then SiLU if asked: the norm in
   * float32, every step rounded to the dtype.
   *
   * @param x [B, C, ...]
   * @param weight [C]
   * @return x's shape, contiguous
   */
  public static Tensor channelNorm(Tensor x, Tensor weight, double eps, boolean silu) {
    requireSameKind("channelNorm weight", weight, x);
    Shapes.require("channelNorm weight", weight, x.size(1));
    if (x.device().isMeta()) { // memory is planned by what is made here
      return Tensor.empty(x.dtype(), x.device(), x.shape());
    }
    if (!supports(x) || weight.stride(0) != 1) {
      return EagerKernels.channelNorm(x, weight, eps, silu);
    }
    try (Trace.Span span = Trace.span(Trace.Kind.KERNEL, "channel_norm");
        TensorScope scope = TensorScope.open()) {
      Tensor in = x.contiguous();
      Tensor out = Tensor.empty(x.dtype(), x.device(), x.shape());
      long outer = x.size(0);
      long channels = x.size(1);
      long inner = x.elements() / Math.max(1, outer * channels);
      int gated = silu ? 1 : 0;
      var p = in.dataPointer();
      var w = weight.dataPointer();
      var o = out.dataPointer();
      int code = dtypeCode(x);
      call(
          x.device(),
          stream ->
              CudaKernels.jdit_channel_norm(
                  p, w, o, outer, channels, inner, eps, gated, code, stream),
          stream ->
              CpuKernels.jdit_channel_norm(
                  p, w, o, outer, channels, inner, eps, gated, code, stream));
      return scope.keep(out);
    }
  }

  private static void requireModulation(String what, Tensor row, Tensor x) {
    requireSameKind(what, row, x);
    Shapes.require(what, row, x.size(0), x.size(2));
  }

  private static void requireTable(String what, Tensor table, Tensor x, long rows) {
    if (table != null) {
      requireFloat32(what, table, x.device());
      Shapes.require(what, table, Math.max(rows, table.size(0)), x.size(3));
    }
  }
}
