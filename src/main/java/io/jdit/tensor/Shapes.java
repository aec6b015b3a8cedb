package io.jdit.tensor;

import java.util.Arrays;

/** Shape arithmetic and checks with messages that name the tensor. */
public final class Shapes {
  private Shapes() {}

  /** Product of the dimensions; 1 for a tensor without dimensions. */
  public static long elements(long... shape) {
    long n = 1;
    for (long s : shape) {
      n = Math.multiplyExact(n, s);
    }
    return n;
  }

  /**
   * Checks a shape; -1 in {@code expected} stands for any length.
   *
   * @throws IllegalArgumentException naming {@code what}, the expected and the found shape
   */
  public static void require(String what, Tensor tensor, long... expected) {
    boolean ok = tensor.dim() == expected.length;
    for (int i = 0; ok && i < expected.length; i++) {
      ok = expected[i] < 0 || expected[i] == tensor.size(i);
    }
    if (!ok) {
      throw new IllegalArgumentException(
          what
              + ": expected shape "
              + Arrays.toString(expected)
              + ", found "
              + Arrays.toString(tensor.shape()));
    }
  }
}
