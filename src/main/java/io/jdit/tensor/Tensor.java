package io.jdit.tensor;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Arrays;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * An owned handle of a LibTorch tensor.
 *
 * <p>Methods return new tensors, which belong to the innermost {@link TensorScope} of the thread
 * or, without one, to the caller. Arguments are borrowed. Methods that change the tensor in place
 * end in {@code _} and return nothing. Views ({@code view, permute, narrow, ...}) share memory with
 * the tensor that they come from and keep it alive.
 */
public final class Tensor extends TensorArithmetic implements AutoCloseable {
  private final org.bytedeco.pytorch.Tensor handle;
  TensorScope owner;
  private boolean closed;
  private long[] shape;
  private DType dtype;
  private Device device;

  private Tensor(org.bytedeco.pytorch.Tensor handle) {
    this.handle = handle;
    LeakDetector.opened(this);
    MetaMemory.opened(this);
    TensorScope scope = TensorScope.innermost();
    if (scope != null) {
      scope.adopt(this);
    }
  }

  /**
   * Wraps a handle that LibTorch returned; the new tensor owns it. For packages that call LibTorch
   * themselves.
   */
  public static Tensor wrap(org.bytedeco.pytorch.Tensor handle) {
    return new Tensor(handle);
  }

  @Override
  public org.bytedeco.pytorch.Tensor handle() {
    if (closed) {
      throw new IllegalStateException(
          "tensor " + this + " is closed: it left its TensorScope without keep()");
    }
    return handle;
  }

  // ---- making tensors ----

  public static Tensor empty(DType dtype, Device device, long... shape) {
    return wrap(torch.empty(shape, Torch.options(dtype, device), null));
  }

  public static Tensor zeros(DType dtype, Device device, long... shape) {
    return wrap(torch.zeros(shape, Torch.options(dtype, device)));
  }

  public static Tensor full(double value, DType dtype, Device device, long... shape) {
    try (Scalar s = new Scalar(value)) {
      return wrap(torch.full(shape, s, Torch.options(dtype, device)));
    }
  }

  /** 0, 1, ..., n-1. */
  public static Tensor arange(long n, DType dtype, Device device) {
    try (Scalar end = new Scalar(n)) {
      return wrap(torch.arange(end, Torch.options(dtype, device)));
    }
  }

  /** A float32 CPU tensor with a copy of {@code values}. */
  public static Tensor of(float[] values, long... shape) {
    return TensorData.tensor(values, shape);
  }

  /** A float64 CPU tensor with a copy of {@code values}. */
  public static Tensor of(double[] values, long... shape) {
    return TensorData.tensor(values, shape);
  }

  /** An int64 CPU tensor with a copy of {@code values}. */
  public static Tensor of(long[] values, long... shape) {
    return TensorData.tensor(values, shape);
  }

  /** A uint8 CPU tensor with a copy of {@code values}. */
  public static Tensor of(byte[] values, long... shape) {
    return TensorData.tensor(values, shape);
  }

  /**
   * The bytes of a file as a uint8 CPU tensor, memory-mapped and private: pages are read when
   * touched.
   */
  public static Tensor mapFile(Path path, long bytes) {
    try (var shared = new BoolOptional(false);
        var size = new LongOptional(bytes)) {
      return wrap(
          torch.from_file(path.toString(), shared, size, Torch.options(DType.UINT8, Device.CPU)));
    }
  }

  /**
   * A CPU tensor with the bytes of a file from {@code position} on, little endian.
   *
   * @throws java.io.EOFException when the file ends before
   */
  public static Tensor read(FileChannel file, long position, DType dtype, long... shape)
      throws IOException {
    return TensorData.read(file, position, dtype, shape);
  }

  /** Joins tensors along {@code dim}; all other dimensions are equal. */
  public static Tensor cat(int dim, Tensor... parts) {
    try (TensorVector vector = vector(parts)) {
      return wrap(torch.cat(vector, dim));
    }
  }

  /** Joins tensors of one shape along a new dimension. */
  public static Tensor stack(int dim, Tensor... parts) {
    try (TensorVector vector = vector(parts)) {
      return wrap(torch.stack(vector, dim));
    }
  }

  private static TensorVector vector(Tensor... parts) {
    var handles = new org.bytedeco.pytorch.Tensor[parts.length];
    for (int i = 0; i < parts.length; i++) {
      handles[i] = parts[i].handle();
    }
    return new TensorVector(handles);
  }

  // ---- what it is ----

  public long[] shape() {
    return sizes().clone();
  }

  private long[] sizes() {
    if (shape == null) {
      int dims = (int) handle().dim();
      long[] s = new long[dims];
      for (int i = 0; i < dims; i++) {
        s[i] = handle.size(i);
      }
      shape = s;
    }
    return shape;
  }

  /** Length of dimension {@code i}; negative counts from the end. */
  public long size(int i) {
    long[] s = sizes();
    return s[i < 0 ? i + s.length : i];
  }

  public int dim() {
    return sizes().length;
  }

  public long elements() {
    return Shapes.elements(sizes());
  }

  public long bytes() {
    return elements() * dtype().bytes();
  }

  public DType dtype() {
    if (dtype == null) {
      dtype = DType.of(handle().scalar_type().intern());
    }
    return dtype;
  }

  public Device device() {
    if (device == null) {
      try (var d = handle().device()) {
        device = Device.of(d);
      }
    }
    return device;
  }

  public long stride(int i) {
    return handle().stride(i < 0 ? i + dim() : i);
  }

  public boolean isContiguous() {
    return handle().is_contiguous();
  }

  /** Address of the first element; borrowed, valid while the tensor is open. */
  public Pointer dataPointer() {
    return handle().data_ptr();
  }

  /** Address of the first element as a number. */
  public long address() {
    try (Pointer p = dataPointer()) {
      return p.address();
    }
  }

  public boolean isClosed() {
    return closed;
  }

  /** True when both have the same shape, dtype and bits (NaN differs from itself). */
  public boolean equalTo(Tensor other) {
    return Arrays.equals(sizes(), other.sizes())
        && dtype() == other.dtype()
        && torch.equal(handle(), other.handle());
  }

  // ---- views and copies ----

  public Tensor view(long... shape) {
    return wrap(handle().view(shape));
  }

  /**
   * The same bytes as another element type of the same size, or of another size when the last
   * dimension fits.
   */
  public Tensor viewAs(DType type) {
    return wrap(handle().view(type.scalarType));
  }

  public Tensor reshape(long... shape) {
    return wrap(handle().reshape(shape));
  }

  public Tensor permute(long... dims) {
    return wrap(handle().permute(dims));
  }

  public Tensor transpose(int a, int b) {
    return wrap(handle().transpose(a, b));
  }

  public Tensor narrow(int dim, long start, long length) {
    return wrap(handle().narrow(dim, start, length));
  }

  public Tensor select(int dim, long index) {
    return wrap(handle().select(dim, index));
  }

  public Tensor unsqueeze(int dim) {
    return wrap(handle().unsqueeze(dim));
  }

  public Tensor squeeze(int dim) {
    return wrap(handle().squeeze(dim));
  }

  public Tensor flatten(int from, int to) {
    return wrap(handle().flatten(from, to));
  }

  /** Another handle of the same memory. */
  public Tensor alias() {
    return wrap(new org.bytedeco.pytorch.Tensor(handle()));
  }

  /** This tensor when contiguous (another handle), else a contiguous copy. */
  public Tensor contiguous() {
    return wrap(handle().contiguous());
  }

  /**
   * This tensor [B, C, H, W] when the channels of a pixel are side by side in memory (another
   * handle), else a copy for which that holds.
   */
  public Tensor channelsLast() {
    return wrap(handle().contiguous(torch.MemoryFormat.ChannelsLast));
  }

  public Tensor copy() {
    return wrap(handle().clone());
  }

  /** {@code n} consecutive parts of equal length along {@code dim}, as views. */
  public Tensor[] chunk(int n, int dim) {
    long length = size(dim);
    if (length % n != 0) {
      throw new IllegalArgumentException(
          "dimension " + dim + " of " + this + " is not divisible into " + n + " parts");
    }
    Tensor[] parts = new Tensor[n];
    for (int i = 0; i < n; i++) {
      parts[i] = narrow(dim, i * (length / n), length / n);
    }
    return parts;
  }

  /** Every element of {@code dim} {@code times} times, copies beside each other. */
  public Tensor repeatInterleave(long times, int dim) {
    try (var d = new LongOptional(dim);
        var none = new LongOptional()) {
      return wrap(handle().repeat_interleave(times, d, none));
    }
  }

  public Tensor repeat(long... times) {
    return wrap(handle().repeat(times));
  }

  public Tensor indexSelect(int dim, Tensor index) {
    return wrap(handle().index_select(dim, index.handle()));
  }

  /**
   * Cast, rounding to nearest even; another handle of the same memory when the type is the same
   * already.
   */
  public Tensor to(DType type) {
    return wrap(handle().to(type.scalarType));
  }

  public Tensor to(Device target) {
    return to(target, dtype());
  }

  public Tensor to(Device target, DType type) {
    try (var d = target.handle()) {
      return wrap(handle().to(d, type.scalarType));
    }
  }

  // ---- reading ----

  /** The single element, widened. */
  public double item() {
    if (elements() != 1) {
      throw new IllegalStateException("item() needs one element, found " + this);
    }
    return handle().item_double();
  }

  /** All elements in row-major order, cast to float32. */
  public float[] toFloats() {
    return TensorData.floats(this);
  }

  /** All elements in row-major order, cast to float64. */
  public double[] toDoubles() {
    return TensorData.doubles(this);
  }

  /** All elements in row-major order, cast to int64. */
  public long[] toLongs() {
    return TensorData.longs(this);
  }

  /** The raw bytes in row-major order, little endian. At most 2 GiB. */
  public byte[] toBytes() {
    return TensorData.bytes(this);
  }

  /** Frees the handle; the memory goes when no view needs it. Closing twice does nothing. */
  @Override
  public void close() {
    if (!closed) {
      sizes();
      MetaMemory.closed(this);
      closed = true;
      owner = null;
      handle.close();
      LeakDetector.closed(this);
    }
  }

  @Override
  public String toString() {
    return (closed ? "closed" : dtype().text() + " on " + device())
        + " "
        + Arrays.toString(sizes());
  }
}
