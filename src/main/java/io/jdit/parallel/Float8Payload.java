package io.jdit.parallel;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import org.bytedeco.pytorch.global.torch;

/**
 * Rows of D numbers as D bytes of e4m3 and a scale. Query and value carry a float32 scale, the
 * attention's output a bfloat16 one (cache-dit's kernels for the float8 all-to-all). Keys are not
 * packed: the softmax does not average their rounding errors.
 */
final class Float8Payload {
  private static final double LARGEST = 448; // of e4m3
  private static final double SMALLEST_SCALE = 1e-6;
  private static final double SMALLEST_MAGNITUDE = 1e-4;

  private Float8Payload() {}

  /**
   * Packs query or value: scale = max(max|x| / 448, 1e-6), x / scale rounded to e4m3.
   *
   * @param x [..., D]
   * @return uint8 [..., D + 4], the last four bytes the scale
   */
  static Tensor packInput(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor f = x.to(DType.FLOAT32);
      Tensor scales = rowMaximum(f).div(LARGEST).clamp(SMALLEST_SCALE, Double.POSITIVE_INFINITY);
      return scope.keep(join(f.div(scales), scales));
    }
  }

  /** Packs the attention's output; the scale is rounded to bfloat16 after it was applied. */
  static Tensor packOutput(Tensor o) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor f = o.to(DType.FLOAT32);
      Tensor scales =
          rowMaximum(f).clamp(SMALLEST_MAGNITUDE, Double.POSITIVE_INFINITY).div(LARGEST);
      Tensor reciprocal = Tensor.full(1, DType.FLOAT32, o.device()).div(scales);
      return scope.keep(join(f.mul(reciprocal), scales.to(DType.BFLOAT16)));
    }
  }

  /** max|x| of each row, [..., 1]. */
  private static Tensor rowMaximum(Tensor x) {
    return Tensor.wrap(torch.amax(x.abs().handle(), new long[] {-1}, true));
  }

  private static Tensor join(Tensor scaled, Tensor scales) {
    Tensor codes = scaled.clamp(-LARGEST, LARGEST).to(DType.FLOAT8_E4M3).viewAs(DType.UINT8);
    return Tensor.cat(-1, codes, scales.contiguous().viewAs(DType.UINT8));
  }

  /** Reads what {@link #packInput} wrote: codes times scale, rounded once to {@code dtype}. */
  static Tensor unpackInput(Tensor packed, DType dtype) {
    return unpack(packed, DType.FLOAT32, dtype);
  }

  static Tensor unpackOutput(Tensor packed, DType dtype) {
    return unpack(packed, DType.BFLOAT16, dtype);
  }

  private static Tensor unpack(Tensor packed, DType scaleType, DType dtype) {
    try (TensorScope scope = TensorScope.open()) {
      int last = packed.dim() - 1;
      long codes = packed.size(last) - scaleType.bytes();
      Tensor values =
          packed.narrow(last, 0, codes).contiguous().viewAs(DType.FLOAT8_E4M3).to(DType.FLOAT32);
      Tensor scales =
          packed
              .narrow(last, codes, scaleType.bytes())
              .contiguous()
              .viewAs(scaleType)
              .to(DType.FLOAT32);
      return scope.keep(values.mul(scales).to(dtype));
    }
  }

  /** Bytes of a packed query or value row. */
  static long inputBytes(long dim) {
    return dim + DType.FLOAT32.bytes();
  }

  static long outputBytes(long dim) {
    return dim + DType.BFLOAT16.bytes();
  }
}
