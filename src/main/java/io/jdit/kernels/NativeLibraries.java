package io.jdit.kernels;

import io.jdit.tensor.BundledLibraries;
import io.jdit.tensor.Torch;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds and loads the kernel libraries, each once per process. They are resources of the class
 * path; {@code -Djdit.kernels=eager} loads none.
 */
public final class NativeLibraries {
  /**
   * What became of a library.
   *
   * @param detail the library's description of its build, or why it is not used
   */
  public record Status(boolean loaded, String detail) {}

  private static final Logger LOG = LoggerFactory.getLogger(NativeLibraries.class);
  private static Status cpu;
  private static Status cuda;

  private NativeLibraries() {}

  /** The CPU library; the first call loads it and logs one line when that fails. */
  public static synchronized Status cpu() {
    if (cpu == null) {
      cpu =
          load(
              "jdit_kernels",
              "io.jdit.kernels.CpuKernels",
              CpuKernels.JDIT_ABI_VERSION,
              CpuKernels::jdit_abi_version,
              CpuKernels::jdit_build_info);
    }
    return cpu;
  }

  /** The CUDA library; without a CUDA device it is not even looked for. */
  public static synchronized Status cuda() {
    if (cuda == null) {
      cuda =
          Torch.cudaDevices() == 0
              ? new Status(false, "not loaded: LibTorch sees no CUDA device")
              : load(
                  "jdit_kernels_cuda",
                  "io.jdit.kernels.CudaKernels",
                  CudaKernels.JDIT_ABI_VERSION,
                  CudaKernels::jdit_abi_version,
                  CudaKernels::jdit_build_info);
    }
    return cuda;
  }

  private static Status load(
      String library,
      String binding,
      int expectedVersion,
      IntSupplier abiVersion,
      Supplier<BytePointer> buildInfo) {
    String mode = System.getProperty("jdit.kernels", "auto");
    if (mode.equals("eager")) {
      return new Status(false, "not loaded: -Djdit.kernels=eager");
    }
    if (!mode.equals("auto")) {
      throw new IllegalArgumentException(
          "-Djdit.kernels=" + mode + " is not known: use auto or eager");
    }
    // LibTorch first: its libgomp.so.1 then serves our library too, and both share one thread pool.
    Torch.load();
    try {
      Class<?> wrapper = Class.forName(binding, false, NativeLibraries.class.getClassLoader());
      if (BundledLibraries.present()) {
        BundledLibraries.load("libjni" + wrapper.getSimpleName() + ".so");
      } else {
        Loader.load(wrapper);
      }
      int version = abiVersion.getAsInt();
      if (version != expectedVersion) {
        return absent(
            library,
            "ABI version "
                + version
                + ", expected "
                + expectedVersion
                + ": rebuild it with scripts/build-native");
      }
      try (BytePointer text = buildInfo.get()) {
        return new Status(true, text.getString());
      }
    } catch (UnsatisfiedLinkError | NoClassDefFoundError | ClassNotFoundException e) {
      String reason =
          String.valueOf(e.getMessage()).replaceAll(" in java.library.path.*", " found");
      return absent(library, reason + "; build it with scripts/build-native (g++, cmake)");
    }
  }

  private static Status absent(String library, String reason) {
    LOG.warn("lib{}.so is not used, the slower tensor operators are: {}", library, reason);
    return new Status(false, "not loaded: " + reason);
  }
}
