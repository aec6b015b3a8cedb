package io.jdit.cli;

import java.io.File;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The CUDA libraries that LibTorch's GPU build loads, and the packages that have them. */
final class CudaLibraries {
  /**
   * A library.
   *
   * @param debian package of NVIDIA's Debian and Ubuntu repository
   * @param wheel package of NVIDIA's Python wheels, which contain the same file
   */
  record Library(String soname, String debian, String wheel) {}

  static final List<Library> NEEDED =
      List.of(
          new Library("libcuda.so.1", "the NVIDIA driver", "-"),
          new Library("libcudart.so.13", "cuda-cudart-13-0", "nvidia-cuda-runtime"),
          new Library("libcublas.so.13", "libcublas-13-0", "nvidia-cublas"),
          new Library("libcublasLt.so.13", "libcublas-13-0", "nvidia-cublas"),
          new Library("libcudnn.so.9", "libcudnn9-cuda-13", "nvidia-cudnn-cu13"),
          new Library("libnccl.so.2", "libnccl2", "nvidia-nccl-cu13"),
          new Library("libcusparse.so.12", "libcusparse-13-0", "nvidia-cusparse"),
          new Library("libcusolver.so.12", "libcusolver-13-0", "nvidia-cusolver"),
          new Library("libcufft.so.12", "libcufft-13-0", "nvidia-cufft"),
          new Library("libcurand.so.10", "libcurand-13-0", "nvidia-curand"),
          new Library("libcufile.so.0", "libcufile-13-0", "nvidia-cufile"),
          new Library("libcupti.so.13", "cuda-cupti-13-0", "nvidia-cuda-cupti"));

  private static final List<String> SYSTEM_FOLDERS =
      List.of(
          "/usr/lib/x86_64-linux-gnu",
          "/usr/lib64",
          "/usr/lib",
          "/lib64",
          "/usr/local/lib",
          "/usr/local/cuda/lib64");

  private final List<Path> folders = new ArrayList<>();

  CudaLibraries(Map<String, String> environment) {
    for (String f : environment.getOrDefault("LD_LIBRARY_PATH", "").split(File.pathSeparator)) {
      if (!f.isBlank()) {
        folders.add(Path.of(f));
      }
    }
    SYSTEM_FOLDERS.forEach(f -> folders.add(Path.of(f)));
    configured(Path.of("/etc/ld.so.conf.d"));
  }

  private void configured(Path folder) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "*.conf")) {
      for (Path file : files) {
        Files.readAllLines(file).stream()
            .filter(l -> l.startsWith("/"))
            .forEach(l -> folders.add(Path.of(l.strip())));
      }
    } catch (IOException e) {
      // A system without the dynamic linker's configuration: the folders above stand.
      return;
    }
  }

  /** Where the dynamic linker would find it. */
  Optional<Path> find(Library library) {
    return folders.stream().map(f -> f.resolve(library.soname())).filter(Files::exists).findFirst();
  }
}
