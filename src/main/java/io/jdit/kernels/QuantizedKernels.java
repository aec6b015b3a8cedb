package io.jdit.kernels;

import static io.jdit.kernels.NativeCall.check;
import static io.jdit.kernels.NativeCall.dtypeCode;
import static io.jdit.kernels.NativeCall.pointer;
import static io.jdit.kernels.NativeCall.requireSameKind;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Shapes;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Linear layers with weights of 16, 8 and 4 bits, for processors with AVX2 or AVX-512. Elsewhere
 * there is none: ask {@link #supports} first.
 */
public final class QuantizedKernels {
  private static final long INPUTS = 32;

  /** How weight and activation are held; formulas in {@code jdit_kernels.h}. */
  public enum Format {
    /** Both int8, with a scale for each row of either. */
    INT8(CpuKernels.JDIT_INT8),
    INT8_WEIGHT(CpuKernels.JDIT_INT8_WEIGHT),
    /** Both e4m3, with a scale for each row of either. */
    FLOAT8(CpuKernels.JDIT_FLOAT8),
    FLOAT8_WEIGHT(CpuKernels.JDIT_FLOAT8_WEIGHT),
    INT4_WEIGHT(CpuKernels.JDIT_INT4_WEIGHT),
    /** Not quantized: for processors that have no products of bfloat16. */
    BFLOAT16_WEIGHT(CpuKernels.JDIT_BFLOAT16_WEIGHT);

    private final int code;

    Format(int code) {
      this.code = code;
    }
  }

  /**
   * A weight in the kernel's layout.
   *
   * @param codes panels, uint8
   * @param scale float32 [columns]; of 4 bits bfloat16 [in / 32, columns], as {@code zero}; null
   *     for 16
   * @param zero null but for 4 bits
   */
  public record PackedWeight(
      Format format, Tensor codes, Tensor scale, Tensor zero, long columns, long in) {}

  private QuantizedKernels() {}

  /** Whether layers of so many inputs can be computed in this dtype on this device. */
  public static boolean supports(DType dtype, Device device, long in) {
    return device.isCpu()
        && (dtype == DType.FLOAT32 || dtype == DType.BFLOAT16)
        && in % INPUTS == 0
        && NativeLibraries.cpu().loaded()
        && CpuKernels.jdit_has_quantized_linear() != 0;
  }

  /**
   * Copies codes into the kernel's layout.
   *
   * @param codes [columns, in] of one byte or bfloat16; of 4 bits [columns, in / 2]
   * @return uint8 panels
   */
  public static Tensor pack(Format format, Tensor codes) {
    long columns = codes.size(0);
    long depth = codes.size(1) * codes.dtype().bytes();
    long panels = (columns + CpuKernels.JDIT_PANEL - 1) / CpuKernels.JDIT_PANEL;
    long sums = format == Format.INT8 ? CpuKernels.JDIT_PANEL * (long) Integer.BYTES : 0;
    try (TensorScope scope = TensorScope.open()) {
      Tensor from = codes.contiguous();
      Tensor to =
          Tensor.empty(
              DType.UINT8, codes.device(), panels * (depth * CpuKernels.JDIT_PANEL + sums));
      long in = format == Format.INT4_WEIGHT ? 2 * depth : codes.size(1);
      check(
          CpuKernels.jdit_pack_codes(
              from.dataPointer(), to.dataPointer(), columns, in, format.code),
          codes.device());
      return scope.keep(to);
    }
  }

  /**
   * x W^T + b, then GELU (tanh approximation) if asked.
   *
   * @param x [..., in], float32 or bfloat16
   * @param bias [columns] in x's dtype, or null
   * @return [..., columns] in x's dtype
   */
  public static Tensor linear(Tensor x, PackedWeight w, Tensor bias, boolean geluTanh) {
    requireSameKind("quantized linear bias", bias, x);
    try (TensorScope scope = TensorScope.open()) {
      Tensor in = x.reshape(-1, x.size(-1)).contiguous();
      Shapes.require("quantized linear x", in, -1, w.in);
      Tensor out = Tensor.empty(x.dtype(), x.device(), in.size(0), w.columns);
      check(
          CpuKernels.jdit_quantized_linear(
              in.dataPointer(),
              w.codes.dataPointer(),
              pointer(w.scale),
              pointer(w.zero),
              pointer(bias),
              out.dataPointer(),
              in.size(0),
              w.columns,
              w.in,
              w.format.code,
              geluTanh ? 1 : 0,
              dtypeCode(x),
              null),
          x.device());
      long[] shape = x.shape();
      shape[shape.length - 1] = w.columns;
      return scope.keep(out.view(shape));
    }
  }
}
