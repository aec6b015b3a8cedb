package io.jdit.kernels;

import static io.jdit.kernels.NativeCall.call;
import static io.jdit.kernels.NativeCall.dtypeCode;
import static io.jdit.kernels.NativeCall.pointer;
import static io.jdit.kernels.NativeCall.requireFloat32;
import static io.jdit.kernels.NativeCall.requireKind;
import static io.jdit.kernels.NativeCall.requireSameKind;

import io.jdit.metrics.Trace;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Shapes;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * What stands around a product of 8-bit codes that LibTorch computes: numbers to codes, and sums of
 * int8 to numbers. On CUDA each is one kernel; elsewhere, where {@link QuantizedKernels} has whole
 * layers, they are tensor operators with the same roundings, which are torchao's.
 *
 * <p>Like {@link Kernels}, with the same rules for arguments.
 */
public final class CodeKernels {
  /**
   * Numbers as codes and scales: code times scale.
   *
   * @param codes int8 or e4m3 [..., D]
   * @param scale float32 [..., 1], or [1, 1] for one scale of all
   */
  public record Codes(Tensor codes, Tensor scale) {}

  private CodeKernels() {}

  /** Whether the device's library has both kernels, which take every dtype that a model has. */
  public static boolean supports(Device device) {
    return supports(DType.FLOAT32, device);
  }

  static boolean supports(DType dtype, Device device) {
    return NativeCall.supports(dtype, device)
        && (device.isCuda() || CpuKernels.jdit_has_quantize_rows() != 0);
  }

  /**
   * Codes with the scale max|x| / 127.5 (int8) or max|x| / 448 (e4m3), computed in x's dtype. Rows
   * of zeros become zeros; the scale of a row with NaN is NaN.
   *
   * @param x [..., D]
   * @param type int8 or e4m3
   * @param perTensor one scale for all rows
   */
  public static Codes quantize(Tensor x, DType type, boolean perTensor) {
    return quantize(null, x, false, type, perTensor);
  }

  /**
   * Codes of rows that stand in two tensors, or of which GELU is to be taken: bit for bit those of
   * {@link Kernels#geluTanh} and of the joined rows, in one kernel.
   *
   * @param before [..., a], null for none
   * @param x [..., b]
   * @param geluTanh GELU (tanh approximation, rounded to x's dtype) of x first
   * @return codes [..., a + b]
   */
  public static Codes quantize(
      Tensor before, Tensor x, boolean geluTanh, DType type, boolean perTensor) {
    if (type != DType.INT8 && type != DType.FLOAT8_E4M3) {
      throw new IllegalArgumentException("quantize: expected int8 or e4m3, found " + type.text());
    }
    long[] shape = x.shape();
    int last = shape.length - 1;
    long dim = shape[last];
    long front = 0;
    if (before != null) {
      front = before.size(-1);
      requireSameKind("quantize before", before, x);
      shape[last] = front;
      Shapes.require("quantize before", before, shape);
    }
    try (Trace.Span span = Trace.span(Trace.Kind.KERNEL, "quantize_rows");
        TensorScope scope = TensorScope.open()) {
      if (!supports(x.dtype(), x.device()) || x.elements() == 0) {
        Tensor y = geluTanh ? Kernels.geluTanh(x) : x;
        Codes made =
            EagerKernels.quantize(before == null ? y : Tensor.cat(-1, before, y), type, perTensor);
        return new Codes(scope.keep(made.codes()), scope.keep(made.scale()));
      }
      long rows = x.elements() / dim;
      shape[last] = front + dim;
      Tensor codes = Tensor.empty(type, x.device(), shape);
      Tensor scales = Tensor.empty(DType.FLOAT32, x.device(), rows);
      Tensor second = before == null ? null : x.contiguous();
      var p = (before == null ? x : before).contiguous().dataPointer();
      var q = pointer(second);
      var c = codes.dataPointer();
      var s = scales.dataPointer();
      long xDim = before == null ? dim : front;
      long yDim = before == null ? 0 : dim;
      int gelu = !geluTanh ? 0 : before == null ? 1 : 2;
      int all = perTensor ? 1 : 0;
      int format = type == DType.INT8 ? CpuKernels.JDIT_INT8 : CpuKernels.JDIT_FLOAT8;
      int code = dtypeCode(x);
      call(
          x.device(),
          stream ->
              CudaKernels.jdit_quantize_rows(
                  p, q, c, s, rows, xDim, yDim, gelu, all, format, code, stream),
          stream ->
              CpuKernels.jdit_quantize_rows(
                  p, q, c, s, rows, xDim, yDim, gelu, all, format, code, stream));
      shape[last] = 1;
      Tensor scale = perTensor ? scales.narrow(0, 0, 1).view(1, 1) : scales.view(shape);
      return new Codes(scope.keep(codes), scope.keep(scale));
    }
  }

  /**
   * round(round(sums rowScale) columnScale + bias), then GELU (tanh approximation) if asked;
   * rounded to {@code dtype}.
   *
   * @param sums int32 [M, N], or float32 where there are no exact ones
   * @param rowScale float32 [M, 1] or [1, 1]; {@code columnScale} [N, 1] or [1, 1]
   * @param bias [N] in {@code dtype}, or null
   * @return [M, N] in {@code dtype}
   */
  public static Tensor scaleSums(
      Tensor sums,
      Tensor rowScale,
      Tensor columnScale,
      Tensor bias,
      DType dtype,
      boolean geluTanh) {
    Shapes.require("scaleSums sums", sums, -1, -1);
    Device device = sums.device();
    long rows = sums.size(0);
    long columns = sums.size(1);
    requireScales("scaleSums rowScale", rowScale, device, rows);
    requireScales("scaleSums columnScale", columnScale, device, columns);
    requireKind("scaleSums bias", bias, dtype, device);
    if (bias != null) {
      Shapes.require("scaleSums bias", bias, columns);
    }
    try (Trace.Span span = Trace.span(Trace.Kind.KERNEL, "scale_sums");
        TensorScope scope = TensorScope.open()) {
      if (sums.dtype() != DType.INT32 || !supports(dtype, device)) {
        Tensor y = EagerKernels.scaleSums(sums, rowScale, columnScale, bias, dtype);
        return scope.keep(geluTanh ? Kernels.geluTanh(y) : y);
      }
      Tensor out = Tensor.empty(dtype, device, rows, columns);
      var p = sums.contiguous().dataPointer();
      var r = rowScale.contiguous().dataPointer();
      var c = columnScale.contiguous().dataPointer();
      var b = bias == null ? null : bias.contiguous().dataPointer();
      var o = out.dataPointer();
      long rs = rowScale.elements() == 1 ? 0 : 1;
      long cs = columnScale.elements() == 1 ? 0 : 1;
      int gelu = geluTanh ? 1 : 0;
      int code = dtypeCode(out);
      call(
          device,
          stream ->
              CudaKernels.jdit_scale_sums(p, r, c, b, o, rows, columns, rs, cs, gelu, code, stream),
          stream ->
              CpuKernels.jdit_scale_sums(p, r, c, b, o, rows, columns, rs, cs, gelu, code, stream));
      return scope.keep(out);
    }
  }

  private static void requireScales(String what, Tensor scale, Device device, long size) {
    requireFloat32(what, scale, device);
    Shapes.require(what, scale, scale.elements() == 1 ? 1 : size, 1);
  }
}
