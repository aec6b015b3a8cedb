package io.jdit.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.Loader;

/**
 * The libraries of CUDA 13 that LibTorch's CUDA build takes from the system, and the packages that
 * have them. libcuda.so.1, the driver's own, is not among them: LibTorch loads without it.
 */
public final class CudaLibraries {
  /**
   * A library.
   *
   * @param debian package of NVIDIA's Debian and Ubuntu repository
   * @param wheel package of NVIDIA's Python wheels, which contain the same file
   */
  public record Library(String soname, String debian, String wheel) {}

  /**
   * A library that does not load.
   *
   * @param reason the dynamic linker's, empty when it just does not find the file
   */
  public record Missing(Library library, String reason) {
    @Override
    public String toString() {
      return reason.isEmpty() ? library.soname() : library.soname() + " (" + reason + ")";
    }
  }

  private static final String RUNTIME = "libcudart.so.13";

  /** What another of these needs comes ahead of it. */
  public static final List<Library> NEEDED =
      List.of(
          new Library(RUNTIME, "cuda-cudart-13-0", "nvidia-cuda-runtime"),
          new Library("libcupti.so.13", "cuda-cupti-13-0", "nvidia-cuda-cupti"),
          new Library("libnvJitLink.so.13", "libnvjitlink-13-0", "nvidia-nvjitlink"),
          // cuBLAS, cuFFT and cuDNN open this one when they compile kernels.
          new Library("libnvrtc.so.13", "cuda-nvrtc-13-0", "nvidia-cuda-nvrtc"),
          new Library("libcublasLt.so.13", "libcublas-13-0", "nvidia-cublas"),
          new Library("libcublas.so.13", "libcublas-13-0", "nvidia-cublas"),
          new Library("libcusparse.so.12", "libcusparse-13-0", "nvidia-cusparse"),
          new Library("libcusolver.so.12", "libcusolver-13-0", "nvidia-cusolver"),
          new Library("libcufft.so.12", "libcufft-13-0", "nvidia-cufft"),
          new Library("libcurand.so.10", "libcurand-13-0", "nvidia-curand"),
          new Library("libcufile.so.0", "libcufile-13-0", "nvidia-cufile"),
          new Library("libcudnn.so.9", "libcudnn9-cuda-13", "nvidia-cudnn-cu13"),
          new Library("libcudnn_graph.so.9", "libcudnn9-cuda-13", "nvidia-cudnn-cu13"),
          new Library("libcudnn_ops.so.9", "libcudnn9-cuda-13", "nvidia-cudnn-cu13"),
          new Library("libcudnn_cnn.so.9", "libcudnn9-cuda-13", "nvidia-cudnn-cu13"),
          new Library("libcudnn_adv.so.9", "libcudnn9-cuda-13", "nvidia-cudnn-cu13"),
          new Library("libnccl.so.2", "libnccl2", "nvidia-nccl-cu13"));

  /** Where LibTorch looks after the dynamic linker's own places. */
  private static final List<String> TOOLKIT =
      List.of("/usr/local/cuda/lib64/", "/usr/local/cuda/lib/");

  private CudaLibraries() {}

  /**
   * Those that this process cannot load, without those that only wait for another of the list. Asks
   * the dynamic linker, which loads what it finds.
   */
  public static List<Missing> missing() {
    List<Missing> missing = new ArrayList<>();
    for (Library library : NEEDED) {
      String reason = load(library.soname());
      if (reason != null
          && missing.stream().noneMatch(m -> reason.startsWith(m.library().soname() + ":"))) {
        missing.add(new Missing(library, reason));
      }
    }
    return missing;
  }

  /** Whether the driver's library is there. */
  static boolean driverLoads() {
    return load("libcuda.so.1") == null;
  }

  /** What is missing, and where to get it, in one line. */
  static String explain(List<Missing> missing) {
    return "LibTorch's CUDA build misses "
        + missing.stream().map(Missing::toString).collect(Collectors.joining(", "))
        + ": load a CUDA 13 module, put them on LD_LIBRARY_PATH or run scripts/fetch-cuda-libraries (docs/install.md)";
  }

  /**
   * Makes the CUDA runtime that LibTorch uses the first of the process. The tokenizer's library
   * looks for one as well and may open another copy, from the system, for all to see: LibTorch
   * would then register its kernels with one and launch them through the other, which fails with
   * "invalid resource handle".
   */
  static void loadRuntimeFirst() {
    // Where it is missing LibTorch does not load either, and what is missing is said then.
    load(RUNTIME);
  }

  /** Null when it loads, else why not. */
  private static String load(String soname) {
    String first = open(soname);
    if (first == null || TOOLKIT.stream().anyMatch(folder -> open(folder + soname) == null)) {
      return null;
    }
    return first.startsWith(soname + ": cannot open shared object file") ? "" : first;
  }

  private static String open(String file) {
    try {
      Loader.loadGlobal(file);
      return null;
    } catch (UnsatisfiedLinkError e) {
      return String.valueOf(e.getMessage());
    }
  }
}
