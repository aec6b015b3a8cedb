package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.testing.NoLeaks;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class MetaMemoryTest {
  @Test
  void viewsShareWhatTheyAreMadeOf() {
    try (TensorScope scope = TensorScope.open();
        MetaMemory memory = MetaMemory.open()) {
      Tensor before = Tensor.empty(DType.FLOAT32, Device.META, 1000);
      memory.restart();
      try (TensorScope inner = TensorScope.open()) {
        Tensor a = Tensor.empty(DType.FLOAT32, Device.META, 100); // 400 bytes
        a.view(10, 10).narrow(0, 0, 5);
        a.to(DType.FLOAT32);
        assertThat(memory.peak()).isEqualTo(400);
        a.to(DType.BFLOAT16); // 200
        Tensor.empty(DType.FLOAT32, Device.CPU, 5000);
      }
      Tensor.empty(DType.UINT8, Device.META, 599);
      before.narrow(0, 0, 10);
      before.close();
      assertThat(memory.peak()).isEqualTo(600);
    }
  }

  @Test
  void convolutionsWithoutDataHaveTheSameShapes() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor x = Tensor.zeros(DType.FLOAT32, Device.CPU, 1, 3, 7, 9, 10);
      Tensor w = Tensor.zeros(DType.FLOAT32, Device.CPU, 4, 3, 3, 2, 5);
      long[] stride = {2, 3, 1};
      long[] padding = {1, 0, 2};
      assertThat(
              Functional.conv3d(x.to(Device.META), w.to(Device.META), null, stride, padding)
                  .shape())
          .isEqualTo(Functional.conv3d(x, w, null, stride, padding).shape());
      Tensor y = x.select(2, 0);
      Tensor v = w.select(2, 0);
      assertThat(Functional.conv2d(y.to(Device.META), v.to(Device.META), null, 2, 1).shape())
          .isEqualTo(Functional.conv2d(y, v, null, 2, 1).shape());
    }
  }
}
