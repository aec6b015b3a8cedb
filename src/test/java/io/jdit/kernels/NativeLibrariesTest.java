package io.jdit.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jdit.tensor.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.junit.jupiter.api.Test;

final class NativeLibrariesTest {
  @Test
  void describesTheCpuLibrary() {
    NativeLibraries.Status status = NativeLibraries.cpu();
    assumeTrue(status.loaded(), status.detail());
    assertThat(status.detail()).startsWith("cpu, compiler ").contains("built for scalar");
  }

  @Test
  void sharesTheThreadPoolOfLibTorch() throws IOException {
    assumeTrue(NativeLibraries.cpu().loaded(), NativeLibraries.cpu().detail());
    List<String> runtimes =
        Files.readAllLines(Path.of("/proc/self/maps")).stream()
            .filter(line -> line.matches(".*/lib[gi]omp[^/]*"))
            .map(line -> line.substring(line.indexOf('/')))
            .distinct()
            .toList();
    assertThat(runtimes).hasSize(1);
  }

  @Test
  void doesNotLookForCudaWithoutADevice() {
    assumeTrue(Torch.cudaDevices() == 0, "a CUDA device is there");
    assertThat(NativeLibraries.cuda())
        .isEqualTo(new NativeLibraries.Status(false, "not loaded: LibTorch sees no CUDA device"));
  }

  @Test
  void libraryRefusesNonsense() {
    assumeTrue(NativeLibraries.cpu().loaded(), NativeLibraries.cpu().detail());
    assertThat(CpuKernels.jdit_gelu_tanh(null, null, 1, 1, 1, 1, 9, null)).isNotZero();
    assertThat(CpuKernels.jdit_last_error().getString())
        .isEqualTo(
            "jdit_gelu_tanh: dtype code 9; expected 0 (float32), 1 (bfloat16) or 2 (float16)");
    assertThat(CpuKernels.jdit_gelu_tanh(null, null, 1, 1, 1, 1, 0, null)).isNotZero();
    assertThat(CpuKernels.jdit_last_error().getString()).isEqualTo("jdit_gelu_tanh: x is null");
    try (var one = new PointerPointer<>(1)) {
      one.put(0, (Pointer) null);
      assertThat(CpuKernels.jdit_taylor_eval(one, 1, null, one, 0, 1, 0, null)).isNotZero();
    }
    assertThat(CpuKernels.jdit_last_error().getString())
        .isEqualTo("jdit_taylor_eval: ladder[i] is null");
    assertThat(CpuKernels.jdit_select_isa("mmx")).isNotZero();
    assertThat(CpuKernels.jdit_last_error().getString()).contains("'mmx' is not known");
  }
}
