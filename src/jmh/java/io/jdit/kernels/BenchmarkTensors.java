package io.jdit.kernels;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;

/** Input of the benchmarks: tensors of 72 MiB, beyond every cache, written once. */
final class BenchmarkTensors {
  static final long DIM = 3072;
  private static final long BYTES = 72L << 20;

  private BenchmarkTensors() {}

  static DType dtype(String name) {
    return DType.parse(name);
  }

  /** Tokens of a [1, tokens, DIM] tensor of 72 MiB. */
  static long tokens(DType dtype) {
    return BYTES / DIM / dtype.bytes();
  }

  static Tensor filled(double value, DType dtype, long... shape) {
    return Tensor.full(value, dtype, Device.CPU, shape);
  }

  static Tensor large(double value, DType dtype) {
    return filled(value, dtype, 1, tokens(dtype), DIM);
  }
}
