package io.jdit.tensor;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarOptional;
import org.bytedeco.pytorch.ScalarTypeOptional;

/** Arithmetic and reductions of a {@link Tensor}, broadcasting as in NumPy. */
abstract sealed class TensorArithmetic permits Tensor {
  /** The LibTorch handle, borrowed. For packages that call LibTorch themselves. */
  public abstract org.bytedeco.pytorch.Tensor handle();

  public final Tensor add(Tensor other) {
    return Tensor.wrap(handle().add(other.handle()));
  }

  public final Tensor add(double value) {
    try (Scalar s = new Scalar(value)) {
      return Tensor.wrap(handle().add(s));
    }
  }

  public final Tensor sub(Tensor other) {
    return Tensor.wrap(handle().sub(other.handle()));
  }

  public final Tensor mul(Tensor other) {
    return Tensor.wrap(handle().mul(other.handle()));
  }

  public final Tensor mul(double value) {
    try (Scalar s = new Scalar(value)) {
      return Tensor.wrap(handle().mul(s));
    }
  }

  public final Tensor div(Tensor other) {
    return Tensor.wrap(handle().div(other.handle()));
  }

  public final Tensor div(double value) {
    try (Scalar s = new Scalar(value)) {
      return Tensor.wrap(handle().div(s));
    }
  }

  public final void add_(Tensor other) {
    handle().add_(other.handle());
  }

  public final void mul_(double value) {
    try (Scalar s = new Scalar(value)) {
      handle().mul_(s);
    }
  }

  /** Copies the elements of {@code source} here, casting and broadcasting. */
  public final void copy_(Tensor source) {
    handle().copy_(source.handle());
  }

  public final void fill_(double value) {
    try (Scalar s = new Scalar(value)) {
      handle().fill_(s);
    }
  }

  public final Tensor neg() {
    return Tensor.wrap(handle().neg());
  }

  public final Tensor abs() {
    return Tensor.wrap(handle().abs());
  }

  public final Tensor exp() {
    return Tensor.wrap(handle().exp());
  }

  public final Tensor sqrt() {
    return Tensor.wrap(handle().sqrt());
  }

  public final Tensor rsqrt() {
    return Tensor.wrap(handle().rsqrt());
  }

  public final Tensor sin() {
    return Tensor.wrap(handle().sin());
  }

  public final Tensor cos() {
    return Tensor.wrap(handle().cos());
  }

  public final Tensor tanh() {
    return Tensor.wrap(handle().tanh());
  }

  public final Tensor sigmoid() {
    return Tensor.wrap(handle().sigmoid());
  }

  /** To the nearest integer, half to even. */
  public final Tensor round() {
    return Tensor.wrap(handle().round());
  }

  public final Tensor clamp(double min, double max) {
    try (Scalar lo = new Scalar(min);
        Scalar hi = new Scalar(max);
        var low = new ScalarOptional(lo);
        var high = new ScalarOptional(hi)) {
      return Tensor.wrap(handle().clamp(low, high));
    }
  }

  public final Tensor matmul(Tensor other) {
    return Tensor.wrap(handle().matmul(other.handle()));
  }

  /** 1 where equal to {@code value}, as BOOL. */
  public final Tensor eq(double value) {
    try (Scalar s = new Scalar(value)) {
      return Tensor.wrap(handle().eq(s));
    }
  }

  /** 1 where greater than {@code value}, as BOOL. */
  public final Tensor gt(double value) {
    try (Scalar s = new Scalar(value)) {
      return Tensor.wrap(handle().gt(s));
    }
  }

  /** Mean of all elements, a tensor without dimensions, in this dtype. */
  public final Tensor mean() {
    return Tensor.wrap(handle().mean());
  }

  public final Tensor mean(int dim, boolean keepDim) {
    try (var none = new ScalarTypeOptional()) {
      return Tensor.wrap(handle().mean(new long[] {dim}, keepDim, none));
    }
  }

  public final Tensor sum() {
    return Tensor.wrap(handle().sum());
  }

  public final Tensor max() {
    return Tensor.wrap(handle().max());
  }

  public final Tensor min() {
    return Tensor.wrap(handle().min());
  }

  /** Largest along a dimension; NaN where there is one. */
  public final Tensor amax(int dim, boolean keepDim) {
    return Tensor.wrap(handle().amax(new long[] {dim}, keepDim));
  }

  /** Least along a dimension; NaN where there is one. */
  public final Tensor amin(int dim, boolean keepDim) {
    return Tensor.wrap(handle().amin(new long[] {dim}, keepDim));
  }

  /** True when no element is NaN or infinite. */
  public final boolean isFinite() {
    try (var finite = handle().isfinite();
        var all = finite.all()) {
      return all.item_byte() != 0;
    }
  }
}
