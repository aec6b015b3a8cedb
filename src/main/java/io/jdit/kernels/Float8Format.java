package io.jdit.kernels;

import io.jdit.tensor.DType;

/**
 * Rows of D numbers as D bytes of e4m3 with their scale behind them, as cache-dit's kernels for the
 * float8 all-to-all lay them out. A row with NaN or an infinity becomes a row of NaN.
 */
public enum Float8Format {
  /** For query and value: scale = max(max|x| / 448, 1e-6) in float32, x / scale is rounded. */
  INPUT(DType.FLOAT32),
  /**
   * For attention's output: scale = max(max|x|, 1e-4) / 448, x (1 / scale) is rounded; the scale is
   * stored as bfloat16.
   */
  OUTPUT(DType.BFLOAT16);

  private final DType scaleType;

  Float8Format(DType scaleType) {
    this.scaleType = scaleType;
  }

  DType scaleType() {
    return scaleType;
  }

  /** Bytes of a packed row of {@code dim} numbers. */
  public long bytes(long dim) {
    return dim + scaleType.bytes();
  }
}
