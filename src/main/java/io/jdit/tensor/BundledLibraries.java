package io.jdit.tensor;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Loader;

/**
 * The native libraries of an installation, loaded from where they lie. JavaCPP's own loader unpacks
 * or links libraries in a cache folder behind a lock, which many processes that start at once wait
 * for, and which a read-only file system has no place for. An installation sets {@code
 * -Djdit.natives=DIR}, a flat folder whose libraries find each other by their run path, and {@code
 * -Dorg.bytedeco.javacpp.loadlibraries=false}.
 */
public final class BundledLibraries {
  private static final List<String> BEFORE_LIBTORCH =
      List.of(
          // GCC builds libgfortran without a run path: what it needs has to be there before.
          "libquadmath.so.0",
          "libgfortran.so.5",
          // Ahead of OpenMP, as JavaCPP does: where it sees that, it warns of every parallel
          // region.
          "libopenblas.so.0",
          "libjnijavacpp.so");

  private static final List<String> LIBTORCH = List.of("libjnitorch.so", "libjnitorch_gloo.so");

  // The first needs all of LibTorch's CUDA part: either everything loads or nothing does.
  private static final List<String> CUDA = List.of("libjnitorch_cuda.so", "libjnitorch_nccl.so");

  private BundledLibraries() {}

  /** Whether this process runs from an installation. */
  public static boolean present() {
    return System.getProperty("jdit.natives") != null && !Loader.isLoadLibraries();
  }

  static boolean contains(String fileName) {
    return Files.exists(file(fileName));
  }

  /**
   * Loads a library and what it needs.
   *
   * @throws UnsatisfiedLinkError when the folder lacks it
   */
  public static void load(String fileName) {
    if (!contains(fileName)) {
      throw new UnsatisfiedLinkError(file(fileName) + " is missing from this installation");
    }
    System.load(file(fileName).toString());
  }

  static void loadLibTorch() {
    BEFORE_LIBTORCH.forEach(BundledLibraries::load);
    boolean cuda = contains(CUDA.get(0));
    if (cuda) {
      CudaLibraries.loadRuntimeFirst();
    }
    LIBTORCH.forEach(BundledLibraries::load);
    if (cuda) {
      try {
        CUDA.forEach(BundledLibraries::load);
      } catch (UnsatisfiedLinkError e) {
        // The CPU works without. Who asks for a GPU is told what is missing by CudaSupport.
        return;
      }
    }
  }

  private static Path file(String fileName) {
    return Path.of(System.getProperty("jdit.natives")).resolve(fileName).toAbsolutePath();
  }
}
