package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.jna.NativeLibrary;
import org.junit.jupiter.api.Test;

class CudaLibrariesTest {
  /**
   * Libraries that are loaded later take CUDA's functions from the first copy that all may see: it
   * has to be LibTorch's.
   */
  @Test
  void theRuntimeIsThereForAllLibraries() {
    Torch.load();
    assumeTrue(
        CudaLibraries.missing().stream()
            .noneMatch(m -> m.library().soname().startsWith("libcudart")),
        "libcudart.so.13 is not on this machine");
    CudaLibraries.loadRuntimeFirst();
    assertThat(NativeLibrary.getProcess().getFunction("cudaRuntimeGetVersion")).isNotNull();
  }
}
