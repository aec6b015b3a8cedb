package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class CudaSupportTest {
  private static final Optional<NvidiaDriver> NEW = Optional.of(new NvidiaDriver("580.65.06"));
  private static final Optional<NvidiaDriver> OLD = Optional.of(new NvidiaDriver("575.57.08"));

  @TempDir private Path folder;

  @Test
  void readsTheVersionOfBothKindsOfKernelModule() throws IOException {
    assertThat(
            driver(
                """
                NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023
                GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)
                """))
        .contains(new NvidiaDriver("535.104.05"));
    assertThat(
            driver(
                """
                NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder@U22-I3-AE18-23-3)  Sun Jul 27 07:06:15 UTC 2025
                GCC version:  gcc version 13.3.0 (Ubuntu 13.3.0-6ubuntu2~24.04)
                """))
        .contains(new NvidiaDriver("580.65.06"));
    assertThat(driver("no version here")).isEmpty();
    assertThat(NvidiaDriver.read(folder.resolve("absent"))).isEmpty();
  }

  @Test
  void aDriverIsTooOldBelowItsBranch() {
    assertThat(OLD.orElseThrow().isTooOld()).isTrue();
    assertThat(NEW.orElseThrow().isTooOld()).isFalse();
    assertThat(new NvidiaDriver("1000.1").isTooOld()).isFalse();
  }

  @Test
  void saysWhyThereIsNoDevice() {
    List<CudaLibraries.Missing> none = List.of();
    assertThat(CudaSupport.explain(false, NEW, true, none, null)).contains("CPU build", "-Pgpu");
    assertThat(CudaSupport.explain(true, Optional.empty(), false, none, null))
        .isEqualTo("no NVIDIA driver: libcuda.so.1 is not found");
    assertThat(CudaSupport.explain(true, NEW, false, none, null))
        .contains("driver 580.65.06", "--nv", "--gpus all");
    assertThat(CudaSupport.explain(true, OLD, true, none, null))
        .isEqualTo("NVIDIA driver 575.57.08 is too old for CUDA 13, which needs 580 or newer");
    assertThat(CudaSupport.explain(true, NEW, true, none, "")).contains("CUDA_VISIBLE_DEVICES=");
    assertThat(CudaSupport.explain(true, NEW, true, none, null)).contains("nvidia-smi");
  }

  @Test
  void namesEveryMissingLibraryInOneLine() {
    List<CudaLibraries.Missing> missing =
        List.of(
            new CudaLibraries.Missing(library("libcudart.so.13"), ""),
            new CudaLibraries.Missing(library("libnccl.so.2"), "libnccl.so.2: file too short"));
    assertThat(CudaSupport.explain(true, NEW, true, missing, null))
        .contains(
            "misses libcudart.so.13, libnccl.so.2 (libnccl.so.2: file too short):",
            "LD_LIBRARY_PATH",
            "scripts/fetch-cuda-libraries")
        .doesNotContain("\n");
  }

  @Test
  void theScriptFetchesEveryWheel() throws IOException {
    String script = Files.readString(Path.of("scripts/fetch-cuda-libraries"));
    assertThat(CudaLibraries.NEEDED)
        .allSatisfy(l -> assertThat(script).containsPattern("'" + l.wheel() + "[=>]"));
  }

  private Optional<NvidiaDriver> driver(String text) throws IOException {
    return NvidiaDriver.read(Files.writeString(folder.resolve("version"), text));
  }

  private static CudaLibraries.Library library(String soname) {
    return CudaLibraries.NEEDED.stream()
        .filter(l -> l.soname().equals(soname))
        .findFirst()
        .orElseThrow();
  }
}
