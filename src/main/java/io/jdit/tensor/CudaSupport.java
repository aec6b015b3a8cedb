package io.jdit.tensor;

import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.pytorch.global.torch;

/** Which LibTorch this process has, and why it sees no GPU when it sees none. */
public final class CudaSupport {
  private CudaSupport() {}

  /** Whether LibTorch's natives are its CUDA build. */
  public static boolean isBuilt() {
    if (BundledLibraries.present()) {
      return BundledLibraries.contains("libtorch_cuda.so");
    }
    String folder = "/org/bytedeco/pytorch/" + Loader.getPlatform() + "-gpu";
    return torch.class.getResource(folder + "/libtorch_cuda.so") != null;
  }

  /** Why {@link Torch#cudaDevices()} is 0, with the way out, in one line. */
  public static String absence() {
    Torch.load();
    boolean built = isBuilt();
    return explain(
        built,
        NvidiaDriver.installed(),
        CudaLibraries.driverLoads(),
        built ? CudaLibraries.missing() : List.of(),
        System.getenv("CUDA_VISIBLE_DEVICES"));
  }

  /**
   * @param libcuda whether the driver's library loads
   * @param visible CUDA_VISIBLE_DEVICES; null when it is not set
   */
  static String explain(
      boolean built,
      Optional<NvidiaDriver> driver,
      boolean libcuda,
      List<CudaLibraries.Missing> missing,
      String visible) {
    if (!built) {
      return "this is LibTorch's CPU build; the GPU tarball and mvn -Pgpu package have the CUDA build";
    }
    if (!libcuda) {
      return driver
          .map(
              d ->
                  "the kernel has NVIDIA driver "
                      + d.version()
                      + ", but its libcuda.so.1 is not found: start containers with --nv (Apptainer) or --gpus all (Docker)")
          .orElse("no NVIDIA driver: libcuda.so.1 is not found");
    }
    if (!missing.isEmpty()) {
      return CudaLibraries.explain(missing);
    }
    if (driver.isPresent() && driver.get().isTooOld()) {
      return "NVIDIA driver "
          + driver.get().version()
          + " is too old for CUDA 13, which needs "
          + NvidiaDriver.OLDEST_BRANCH
          + " or newer";
    }
    if (visible != null) {
      return "CUDA_VISIBLE_DEVICES=" + visible + " leaves none";
    }
    return "the NVIDIA driver reports no usable device; nvidia-smi may say why";
  }
}
