package io.jdit.quant;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;

/**
 * The arithmetic of torchao's type of 4 bits, and blocks of a weight, in tensor operators; results
 * belong to the innermost scope. For 8 bits: {@link io.jdit.kernels.CodeRounding}.
 */
final class Rounding {
  private static final double INT4_LEVELS = 15;

  private Rounding() {}

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
