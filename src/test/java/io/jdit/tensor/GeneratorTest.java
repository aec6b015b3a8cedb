package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigInteger;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Draws against those of {@code torch.Generator("cpu").manual_seed(seed)} in PyTorch 2.13. */
class GeneratorTest {
  @ParameterizedTest
  @CsvSource({
    "9223372036854775808, -1.1258398294448853, -0.4338788092136383",
    "-9223372036854775808, -1.1258398294448853, -0.4338788092136383",
    "18446744073709551615, -2.664297580718994, 0.22836069762706757",
    "-1, -2.664297580718994, 0.22836069762706757"
  })
  void seedsOfSixtyFourBits(BigInteger seed, float first, float fourth) {
    try (Generator generator = new Generator(seed.longValue());
        TensorScope scope = TensorScope.open()) {
      float[] drawn = generator.randn(DType.FLOAT32, 16).toFloats();
      assertThat(drawn[0]).isEqualTo(first);
      assertThat(drawn[3]).isEqualTo(fourth);
    }
  }
}
