package io.jdit.kernels;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import java.lang.reflect.Method;
import java.util.Arrays;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.cuda.CUDAStream;
import org.bytedeco.pytorch.global.torch_cuda;

/** What every call into a kernel library needs: is it possible, with which codes, did it work. */
final class NativeCall {
  private NativeCall() {}

  /** Whether the library of this tensor's device is there and knows its dtype. */
  static boolean supports(Tensor x) {
    return supports(x.dtype(), x.device());
  }

  static boolean supports(DType dtype, Device device) {
    boolean known =
        switch (dtype) {
          case FLOAT32, BFLOAT16, FLOAT16 -> true;
          default -> false;
        };
    return known
        && switch (device.type()) {
          case CPU -> NativeLibraries.cpu().loaded();
          case CUDA -> NativeLibraries.cuda().loaded();
          case META -> false;
        };
  }

  static int dtypeCode(Tensor x) {
    return switch (x.dtype()) {
      case FLOAT32 -> CpuKernels.JDIT_FLOAT32;
      case BFLOAT16 -> CpuKernels.JDIT_BFLOAT16;
      case FLOAT16 -> CpuKernels.JDIT_FLOAT16;
      default -> throw new IllegalArgumentException("no kernel takes " + x);
    };
  }

  /** Address of the first element; null for null. */
  static Pointer pointer(Tensor x) {
    return x == null ? null : x.dataPointer();
  }

  /** A kernel of one library with its arguments. */
  @FunctionalInterface
  interface Kernel {
    /**
     * @param stream null on the CPU
     * @return 0, or an error
     */
    int launch(Pointer stream);
  }

  /**
   * Runs the kernel of this device's library.
   *
   * @throws IllegalStateException with the library's text when it fails
   */
  static void call(Device device, Kernel cuda, Kernel cpu) {
    check(device.isCuda() ? cuda.launch(stream(device)) : cpu.launch(null), device);
  }

  /**
   * @throws IllegalStateException with the library's text when {@code code} is not 0
   */
  static void check(int code, Device device) {
    if (code != 0) {
      try (BytePointer text =
          device.isCuda() ? CudaKernels.jdit_last_error() : CpuKernels.jdit_last_error()) {
        throw new IllegalStateException(text.getString());
      }
    }
  }

  /** The stream that LibTorch launches on now for this device. */
  private static Pointer stream(Device device) {
    try (CUDAStream stream = torch_cuda.getCurrentCUDAStream((byte) device.index())) {
      return (Pointer) CudaStreams.RAW.invoke(stream);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("cannot read the CUDA stream of " + device, e);
    }
  }

  /** Made at the first call on a GPU. */
  private static final class CudaStreams {
    static final Method RAW = find();

    /** By name: its return type is in the CUDA preset, which only the GPU build has. */
    private static Method find() {
      try {
        return CUDAStream.class.getMethod("stream");
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("LibTorch's CUDAStream has no stream()", e);
      }
    }
  }

  /**
   * Checks that {@code other} has the dtype and device of {@code x}; null passes.
   *
   * @throws IllegalArgumentException naming {@code what}
   */
  static void requireSameKind(String what, Tensor other, Tensor x) {
    requireKind(what, other, x.dtype(), x.device());
  }

  /** The same for a dtype and a device. */
  static void requireKind(String what, Tensor other, DType dtype, Device device) {
    if (other != null && (other.dtype() != dtype || !other.device().equals(device))) {
      throw new IllegalArgumentException(
          what
              + ": expected "
              + dtype.text()
              + " on "
              + device
              + ", found "
              + other.dtype().text()
              + " on "
              + other.device());
    }
  }

  /**
   * Checks that {@code other} has the shape, dtype and device of {@code x}; null passes.
   *
   * @throws IllegalArgumentException naming {@code what}
   */
  static void requireLike(String what, Tensor other, Tensor x) {
    requireSameKind(what, other, x);
    if (other != null && !Arrays.equals(other.shape(), x.shape())) {
      throw new IllegalArgumentException(
          what
              + ": expected shape "
              + Arrays.toString(x.shape())
              + ", found "
              + Arrays.toString(other.shape()));
    }
  }

  /**
   * Checks the dtype of a table that the kernels read as float32; null passes.
   *
   * @throws IllegalArgumentException naming {@code what}
   */
  static void requireFloat32(String what, Tensor table, Device device) {
    if (table != null && (table.dtype() != DType.FLOAT32 || !table.device().equals(device))) {
      throw new IllegalArgumentException(
          what + ": expected float32 on " + device + ", found " + table);
    }
  }

  /** Elements between rows, all leading dimensions taken as one; -1 where that is impossible. */
  static long rowStride(Tensor x) {
    int dims = x.dim();
    if (x.size(-1) != 1 && x.stride(-1) != 1) {
      return -1;
    }
    long expected = -1;
    long stride = x.size(-1);
    for (int i = dims - 2; i >= 0; i--) {
      if (x.size(i) == 1) {
        continue;
      }
      if (expected < 0) {
        stride = x.stride(i);
      } else if (x.stride(i) != expected) {
        return -1;
      }
      expected = x.stride(i) * x.size(i);
    }
    return stride;
  }
}
