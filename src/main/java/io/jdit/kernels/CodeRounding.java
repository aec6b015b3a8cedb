package io.jdit.kernels;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;

/**
 * The arithmetic of torchao's types of 8 bits, int8 and e4m3, in tensor operators: of weights, and
 * what {@link CodeKernels} computes. Scales are computed in the tensor's dtype, rounding to nearest
 * even, and held as float32; results belong to the innermost scope.
 */
public final class CodeRounding {
  private static final double FLOAT8_MAX = 448;
  private static final double INT8_RANGE = 127.5;
  private static final double FLOAT32_EPSILON = 0x1p-23;

  private CodeRounding() {}

  /**
   * max|v| / 127.5 for int8, at least float32's epsilon; max|v| / 448 for e4m3, 1 for zeros, whose
   * codes are zeros then and not NaN.
   *
   * @param perTensor of all numbers, [1, 1]; else along the last dimension, [..., 1]
   */
  public static Tensor scale(Tensor v, DType type, boolean perTensor) {
    boolean int8 = type == DType.INT8;
    // By a tensor: CUDA multiplies by the reciprocal of a number.
    Tensor range = Tensor.full(int8 ? INT8_RANGE : FLOAT8_MAX, v.dtype(), v.device());
    Tensor scale = largest(v, perTensor).div(range).to(DType.FLOAT32);
    return int8
        ? scale.clamp(FLOAT32_EPSILON, Float.MAX_VALUE)
        : scale.add(scale.eq(0).to(DType.FLOAT32));
  }

  /**
   * @param scale that divides v, of a shape that spreads over it
   */
  public static Tensor codes(Tensor v, Tensor scale, DType type) {
    Tensor wide = v.to(DType.FLOAT32);
    if (type == DType.INT8) {
      Tensor reciprocal = Tensor.full(1, DType.FLOAT32, scale.device()).div(scale);
      return wide.mul(reciprocal).round().clamp(-128, 127).to(type);
    }
    // The scale rounded to v's dtype lets the largest number exceed 448: hence the clamp.
    return wide.div(scale).clamp(-FLOAT8_MAX, FLOAT8_MAX).to(type);
  }

  /** Of a whole tensor without a copy of it. */
  private static Tensor largest(Tensor v, boolean perTensor) {
    return perTensor
        ? Tensor.stack(0, v.max(), v.min()).abs().max().view(1, 1)
        : v.abs().amax(-1, true);
  }
}
