package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jdit.tensor.CudaSupport;
import io.jdit.tensor.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DoctorCommandTest {
  @TempDir private Path folder;

  @Test
  void saysThatRunsUseTheCpuAndWhy() {
    assumeTrue(Torch.cudaDevices() == 0, "a CUDA device is there");
    assumeTrue(!CudaSupport.isBuilt(), "LibTorch's CUDA build");
    CommandLineRun run = CommandLineRun.of("doctor");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out())
        .containsPattern(
            "Attention on cpu +native, torch_sdpa, _native_flash, _native_math(, sage)?\\R")
        .contains("CUDA", "no devices, runs use the CPU: this is LibTorch's CPU build")
        .doesNotContain("libcudart")
        .endsWith("Ready to run." + System.lineSeparator());
  }

  @Test
  void runsEveryKernelAgainstItsTwin() {
    CommandLineRun run = CommandLineRun.of("doctor", "--kernels", "--device", "cpu");
    assertThat(run.exitCode()).isEqualTo(ExitCode.OK);
    assertThat(run.out().lines().filter(l -> l.contains(" differs by ")))
        .hasSizeBetween(33, 36) // int8 attention on processors that have it
        .noneMatch(l -> l.startsWith("!"));
    assertThat(run.out()).containsPattern("gated_residual +bfloat16 .* % of a copy");
  }

  @Test
  void saysWhatOfAContainerAndANetworkApplies() {
    assertThat(CommandLineRun.of("doctor").out())
        .containsPattern("Control groups +\\S")
        .containsPattern("Locale +arguments and file names are read as \\S+")
        .containsPattern("Model cache +/")
        .containsPattern("Hub +http.*token: ")
        .containsPattern("Proxy +\\S")
        .containsPattern("Certificates +\\S");
  }

  @Test
  void readsWhatTheDriversToolSaysOfEachGpu() throws IOException {
    String tool =
        tool(
            """
            echo "0, Tesla V100-SXM2-32GB, 7.0, 32768 MiB"
            echo "1, NVIDIA H100 80GB HBM3, 9.0, 81559 MiB"
            """);
    assertThat(NvidiaSmi.gpus(tool))
        .containsExactly(
            new NvidiaSmi.Gpu("0", "Tesla V100-SXM2-32GB", 7.0, "32768 MiB"),
            new NvidiaSmi.Gpu("1", "NVIDIA H100 80GB HBM3", 9.0, "81559 MiB"))
        .extracting(NvidiaSmi.Gpu::isTooOld)
        .containsExactly(true, false);
  }

  @Test
  void aToolThatFailsOrIsNotThereHasNoGpus() throws IOException {
    assertThat(NvidiaSmi.gpus(tool("echo 'Failed to initialize NVML'; exit 9"))).isEmpty();
    assertThat(NvidiaSmi.gpus(folder.resolve("absent").toString())).isEmpty();
  }

  private String tool(String body) throws IOException {
    Path file = Files.writeString(folder.resolve("nvidia-smi"), "#!/bin/sh\n" + body);
    assertThat(file.toFile().setExecutable(true)).isTrue();
    return file.toString();
  }
}
