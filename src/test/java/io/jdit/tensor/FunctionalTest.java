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

  /** Two parts of one tensor need no copy; others are copied. */
  @Test
  void partsThatLieBehindEachOtherAreJoinedInPlace() {
    try (TensorScope scope = TensorScope.open();
        Generator random = new Generator(3)) {
      Tensor whole = random.randn(DType.FLOAT32, 1, 9, 4);
      Tensor a = whole.narrow(1, 2, 3);
      Tensor b = whole.narrow(1, 5, 4);
      Tensor joined = Functional.joined(1, a, b);
      assertThat(joined.address()).isEqualTo(a.address());
      assertThat(joined.equalTo(whole.narrow(1, 2, 7))).isTrue();

      Tensor other = Functional.joined(1, b, a);
      assertThat(other.address()).isNotEqualTo(b.address());
      assertThat(other.equalTo(Tensor.cat(1, b, a))).isTrue();
      Tensor rows = random.randn(DType.FLOAT32, 2, 9, 4);
      Tensor cut = Functional.joined(1, rows.narrow(1, 0, 4), rows.narrow(1, 4, 5));
      assertThat(cut.equalTo(rows)).isTrue();
      assertThat(cut.address()).isNotEqualTo(rows.address());
      Tensor copy = b.copy();
      assertThat(Functional.joined(1, a, copy).equalTo(joined)).isTrue();
    }
  }
}
