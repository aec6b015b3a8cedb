package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class FunctionalTest {
  /** The product of what stands side by side is the sum of the products. */
  @Test
  void aProductOfPartsIsThatOfTheJoinedTensor() {
    try (TensorScope scope = TensorScope.open();
        Generator random = new Generator(3)) {
      Tensor weight = random.randn(DType.FLOAT32, 5, 11);
      Tensor bias = random.randn(DType.FLOAT32, 5);
      Tensor a = random.randn(DType.FLOAT32, 2, 7, 4);
      Tensor b = random.randn(DType.FLOAT32, 2, 7, 12).narrow(2, 3, 6); // a view
      Tensor c = random.randn(DType.FLOAT32, 2, 7, 1);
      double[] joined = Functional.linear(Tensor.cat(2, a, b, c), weight, bias).toDoubles();
      double[] parts = Functional.linearOfParts(weight, bias, a, b, c).toDoubles();
      assertThat(parts).hasSameSizeAs(joined);
      for (int i = 0; i < joined.length; i++) {
        assertThat(parts[i]).isEqualTo(joined[i], within(1e-5));
      }
    }
  }
}
