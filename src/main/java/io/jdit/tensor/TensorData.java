package io.jdit.tensor;

import java.util.Arrays;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.global.torch;

/** Tensors from Java arrays and Java arrays from tensors, in row-major order. */
final class TensorData {
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
