package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.testing.NoLeaks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class DeviceCopyTest {
  @Test
  void onACpuNothingIsCopied() {
    DeviceCopy copy = DeviceCopy.to(Device.CPU);
    try (Tensor tensor = Tensor.of(new float[] {1, 2})) {
      assertThat(copy.read(() -> tensor)).isSameAs(tensor);
      copy.finish();
      copy.use(tensor);
      copy.computed();
      assertThat(tensor.toFloats()).containsExactly(1, 2);
    }
  }

  @Test
  void filesAreReadIntoPlainMemoryUnlessAThreadSaysSo() {
    try (Tensor tensor = PinnedMemory.empty(DType.BFLOAT16, 3, 4)) {
      assertThat(tensor.shape()).containsExactly(3, 4);
      assertThat(tensor.dtype()).isEqualTo(DType.BFLOAT16);
      assertThat(tensor.handle().is_pinned()).isFalse();
    }
  }
}
