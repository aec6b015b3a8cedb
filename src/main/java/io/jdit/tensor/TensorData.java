package io.jdit.tensor;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Arrays;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.global.torch;

/** Tensors from Java arrays and Java arrays from tensors, in row-major order. */
final class TensorData {
  /** Bytes that are read from a file at once. */
  private static final long PIECE = 1 << 26;

  private TensorData() {}

  static Tensor tensor(float[] values, long... shape) {
    Tensor t = Tensor.empty(DType.FLOAT32, Device.CPU, checkedShape(values.length, shape));
    try (FloatPointer p = new FloatPointer(t.dataPointer())) {
      p.put(values);
    }
    return t;
  }

  static Tensor tensor(double[] values, long... shape) {
    Tensor t = Tensor.empty(DType.FLOAT64, Device.CPU, checkedShape(values.length, shape));
    try (DoublePointer p = new DoublePointer(t.dataPointer())) {
      p.put(values);
    }
    return t;
  }

  static Tensor tensor(long[] values, long... shape) {
    Tensor t = Tensor.empty(DType.INT64, Device.CPU, checkedShape(values.length, shape));
    try (LongPointer p = new LongPointer(t.dataPointer())) {
      p.put(values);
    }
    return t;
  }

  static Tensor tensor(byte[] values, long... shape) {
    Tensor t = Tensor.empty(DType.UINT8, Device.CPU, checkedShape(values.length, shape));
    try (BytePointer p = new BytePointer(t.dataPointer())) {
      p.put(values);
    }
    return t;
  }

  static Tensor read(FileChannel file, long position, DType dtype, long... shape)
      throws IOException {
    Tensor t = PinnedMemory.empty(dtype, shape);
    long bytes = t.bytes();
    try (BytePointer p = new BytePointer(t.dataPointer())) {
      for (long at = 0; at < bytes; at += PIECE) {
        // From the piece's own address: a buffer's position is an int.
        ByteBuffer piece = p.getPointer(at).limit(Math.min(bytes - at, PIECE)).asByteBuffer();
        while (piece.hasRemaining()) {
          if (file.read(piece, position + at + piece.position()) < 0) {
            throw new EOFException("it ends early");
          }
        }
      }
      return t;
    } catch (IOException | RuntimeException e) {
      t.close();
      throw e;
    }
  }

  /** {@code shape}, or one dimension where none is given. */
  private static long[] checkedShape(int elements, long... shape) {
    if (shape.length == 0) {
      return new long[] {elements};
    }
    if (Shapes.elements(shape) != elements) {
      throw new IllegalArgumentException(
          elements + " values do not fill shape " + Arrays.toString(shape));
    }
    return shape;
  }

  static float[] floats(Tensor tensor) {
    try (var t = tensor.handle().to(torch.ScalarType.Float);
        var cpu = t.cpu();
        var c = cpu.contiguous();
        FloatPointer p = new FloatPointer(c.data_ptr())) {
      float[] out = new float[Math.toIntExact(tensor.elements())];
      p.get(out);
      return out;
    }
  }

  static double[] doubles(Tensor tensor) {
    try (var t = tensor.handle().to(torch.ScalarType.Double);
        var cpu = t.cpu();
        var c = cpu.contiguous();
        DoublePointer p = new DoublePointer(c.data_ptr())) {
      double[] out = new double[Math.toIntExact(tensor.elements())];
      p.get(out);
      return out;
    }
  }

  static long[] longs(Tensor tensor) {
    try (var t = tensor.handle().to(torch.ScalarType.Long);
        var cpu = t.cpu();
        var c = cpu.contiguous();
        LongPointer p = new LongPointer(c.data_ptr())) {
      long[] out = new long[Math.toIntExact(tensor.elements())];
      p.get(out);
      return out;
    }
  }

  /** Without a cast, little endian. */
  static byte[] bytes(Tensor tensor) {
    try (var cpu = tensor.handle().cpu();
        var c = cpu.contiguous();
        BytePointer p = new BytePointer(c.data_ptr())) {
      byte[] out = new byte[Math.toIntExact(tensor.bytes())];
      p.get(out);
      return out;
    }
  }
}
