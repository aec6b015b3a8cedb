package io.jdit.quant;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;

/**
 * The arithmetic of torchao's types in tensor operators. Scales are computed in the tensor's dtype,
 * rounding to nearest even, and held as float32; results belong to the innermost scope.
 */
final class Rounding {
  private static final double FLOAT8_MAX = 448;
  private static final double INT8_RANGE = 127.5;
  private static final double FLOAT32_EPSILON = 0x1p-23;
  private static final double INT4_LEVELS = 15;

  private Rounding() {}

  /**
   * max|v| / 448 along the last dimension, or of all; 1 for zeros, whose codes are zeros then and
   * not NaN.
   */
  static Tensor float8Scale(Tensor v, boolean perTensor) {
    Tensor scale = largest(v, perTensor).div(FLOAT8_MAX).to(DType.FLOAT32);
    return scale.add(scale.eq(0).to(DType.FLOAT32));
  }

  /**
   * The scale rounded to the tensor's dtype lets the largest number exceed 448: hence the clamp.
   */
  static Tensor float8Codes(Tensor v, Tensor scale) {
    return v.to(DType.FLOAT32).div(scale).clamp(-FLOAT8_MAX, FLOAT8_MAX).to(DType.FLOAT8_E4M3);
  }

  /** max|v| / 127.5 along the last dimension, or of all; at least float32's epsilon. */
  static Tensor int8Scale(Tensor v, boolean perTensor) {
    return largest(v, perTensor)
        .div(INT8_RANGE)
        .to(DType.FLOAT32)
        .clamp(FLOAT32_EPSILON, Float.MAX_VALUE);
  }

  static Tensor int8Codes(Tensor v, Tensor scale) {
    Tensor reciprocal = Tensor.full(1, DType.FLOAT32, scale.device()).div(scale);
    return v.to(DType.FLOAT32).mul(reciprocal).round().clamp(-128, 127).to(DType.INT8);
  }

  /** Of a whole tensor without a copy of it. */
  private static Tensor largest(Tensor v, boolean perTensor) {
    return perTensor
        ? Tensor.stack(0, v.max(), v.min()).abs().max().view(1, 1)
        : v.abs().amax(-1, true);
  }

  /**
   * Codes of 4 bits with a scale and a zero point for each group.
   *
   * @param v [N, K]
   * @return codes uint8 [N, K / 2], the even column in the lower half, as signed nibbles; scale and
   *     zero bfloat16 [K / 32, N]
   */
  static Tensor[] int4(Tensor v) {
    long n = v.size(0);
    Tensor groups = v.to(DType.FLOAT32).view(n, -1, QuantType.GROUP);
    Tensor least = groups.amin(-1, true);
    Tensor scale = groups.amax(-1, true).sub(least).clamp(1e-6, Float.MAX_VALUE).div(INT4_LEVELS);
    Tensor zero = least.add(scale.mul(8));
    Tensor levels = groups.sub(least).div(scale).round().clamp(0, INT4_LEVELS);
    // Two's complement of level - 8 in 4 bits.
    Tensor nibbles = levels.add(8).sub(levels.gt(7).to(DType.FLOAT32).mul(16)).view(n, -1, 2);
    Tensor bytes = nibbles.select(2, 0).add(nibbles.select(2, 1).mul(16)).to(DType.UINT8);
    return new Tensor[] {bytes, held(scale), held(zero)};
  }

  private static Tensor held(Tensor perGroup) {
    return perGroup.squeeze(2).transpose(0, 1).to(DType.BFLOAT16);
  }

  /** The weight that {@link #int4} stands for: code scale + zero, in {@code dtype} [N, K]. */
  static Tensor int4Values(Tensor bytes, Tensor scale, Tensor zero, DType dtype) {
    long n = bytes.size(0);
    Tensor b = bytes.to(DType.FLOAT32);
    Tensor high = b.add(-7.5).div(16).round(); // floor(b / 16), exactly
    Tensor low = b.sub(high.mul(16));
    Tensor nibbles = Tensor.stack(-1, low, high).view(n, -1, QuantType.GROUP);
    Tensor codes = nibbles.sub(nibbles.gt(7).to(DType.FLOAT32).mul(16));
    return codes.mul(perGroup(scale)).add(perGroup(zero)).view(n, -1).to(dtype);
  }

  private static Tensor perGroup(Tensor held) {
    return held.to(DType.FLOAT32).transpose(0, 1).unsqueeze(2);
  }

  /** Repeats the scales of blocks for every number: [a, b] to [a rows, b columns]. */
  static Tensor spread(Tensor scale, int rows, int columns) {
    return scale.repeatInterleave(rows, 0).repeatInterleave(columns, 1);
  }

  /** Blocks [N / 128, K / 128, 128 * 128] of a weight [N, K]. */
  static Tensor blocks(Tensor w) {
    int b = QuantType.BLOCK;
    return w.view(w.size(0) / b, b, w.size(1) / b, b)
        .permute(0, 2, 1, 3)
        .reshape(w.size(0) / b, w.size(1) / b, (long) b * b);
  }
}
