package io.jdit.tensor;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.presets.javacpp;
import org.bytedeco.pytorch.DeviceOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch_cuda;

/** Process-wide state of LibTorch: loading, threads, what it was built with. */
public final class Torch {
  private static final Map<String, TensorOptions> OPTIONS = new ConcurrentHashMap<>();
  private static volatile boolean loaded;
  private static String failure;
  private static int cudaDevices = -1;

  private Torch() {}

  /**
   * Loads the native libraries. Idempotent; the first call holds a lock, since two threads that
   * load at once race inside the dynamic linker.
   *
   * @throws LibraryLoadException when they cannot be loaded, naming the library and the way out
   */
  public static void load() {
    if (loaded) {
      return;
    }
    synchronized (Torch.class) {
      if (loaded) {
        return;
      }
      try {
        if (BundledLibraries.present()) {
          BundledLibraries.loadLibTorch();
        } else {
          if (CudaSupport.isBuilt()) {
            Loader.load(javacpp.class);
            CudaLibraries.loadRuntimeFirst();
          }
          Loader.load(torch.class);
        }
      } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
        // A class whose initialiser failed says less at the second try.
        if (failure == null) {
          failure = describe(e);
        }
        throw new LibraryLoadException(failure, e);
      }
      torch.initLogging(); // TORCH_CPP_LOG_LEVEL, as Python's module does
      loaded = true;
    }
  }

  private static String describe(LinkageError e) {
    Throwable first = e;
    while (first.getCause() != null) {
      first = first.getCause();
    }
    String reason = String.valueOf(first.getMessage());
    if (reason.matches("(?s).*version `GLIBC(XX)?_.*not found.*")) {
      return "this system is too old for LibTorch, which needs glibc 2.35 and libstdc++ 12 (Debian 12, Ubuntu 22.04, RHEL 10): use a container (scripts/apptainer/jdit.def); "
          + reason;
    }
    List<CudaLibraries.Missing> missing =
        CudaSupport.isBuilt() ? CudaLibraries.missing() : List.of();
    return missing.isEmpty()
        ? "LibTorch cannot be loaded: " + reason
        : CudaLibraries.explain(missing);
  }

  /**
   * CUDA devices that LibTorch can use; 0 with the CPU build. {@link CudaSupport#absence()} says
   * why there are none.
   */
  public static synchronized int cudaDevices() {
    if (cudaDevices < 0) {
      load();
      try {
        cudaDevices = torch.hasCUDA() ? torch_cuda.device_count() : 0;
      } catch (LinkageError e) {
        // LibTorch's CUDA part is there, but not all that its binding needs.
        cudaDevices = 0;
      }
    }
    return cudaDevices;
  }

  /** Makes a GPU the current device of the calling thread; a thread begins with number 0. */
  static void select(Device device) {
    if (device.isCuda()) {
      torch.setDeviceIndex((byte) device.index());
    }
  }

  /** Gives memory that is free in this process back to the system. */
  public static void trim() {
    Pointer.trimMemory();
  }

  /** Waits until a GPU has done what it was given: before a clock is read. */
  public static void synchronize(Device device) {
    if (device.isCuda()) {
      torch.synchronizeDevice((byte) device.index());
    }
  }

  /** Sets the number of threads of one operator. Call it before the first operator runs. */
  public static void setThreads(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be >= 1, got " + threads);
    }
    load();
    torch.set_num_threads(threads);
  }

  public static int threads() {
    load();
    return torch.get_num_threads();
  }

  /** LibTorch's version with that of its JavaCPP preset, for example {@code 2.10.0-1.5.13}. */
  public static String version() {
    try {
      return Loader.getVersion("org.bytedeco", "pytorch");
    } catch (IOException e) {
      return "unknown";
    }
  }

  /** LibTorch's own multi-line description of its build. */
  public static String buildInfo() {
    load();
    try (var text = torch.show_config()) {
      return text.getString();
    }
  }

  /** Options are immutable and few: one per dtype and device lives as long as the process. */
  static TensorOptions options(DType dtype, Device device) {
    return OPTIONS.computeIfAbsent(
        dtype + "@" + device,
        key -> {
          load();
          try (var d = device.handle();
              var optional = new DeviceOptional(d);
              var typed = new TensorOptions(dtype.scalarType)) {
            return typed.device(optional);
          }
        });
  }
}
