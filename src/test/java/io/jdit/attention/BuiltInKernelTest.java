package io.jdit.attention;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@ExtendWith(NoLeaks.class)
class BuiltInKernelTest {
  private static final double SCALE = 0.25;

  static Stream<AttentionKernel> onTheCpu() {
    return Stream.concat(
        Stream.of(BuiltInKernel.values())
            .filter(k -> k.obstacle(Device.CPU, DType.FLOAT32).isEmpty())
            .filter(k -> k != BuiltInKernel.SAGE),
        Stream.of(new MeasuredKernel(line -> {})));
  }

  /** The formula in float64, with keys that are fewer than the queries. */
  @ParameterizedTest
  @MethodSource("onTheCpu")
  void everyKernelComputesTheFormula(AttentionKernel kernel) {
    try (TensorScope scope = TensorScope.open();
        Generator numbers = new Generator(3)) {
      Tensor q = numbers.randn(DType.FLOAT32, 2, 37, 3, 16);
      Tensor k = numbers.randn(DType.FLOAT32, 2, 21, 3, 16);
      Tensor v = numbers.randn(DType.FLOAT32, 2, 21, 3, 16);
      Tensor scores = heads(q).matmul(heads(k).transpose(2, 3)).mul(SCALE);
      Tensor weights = scores.exp();
      Tensor sums = weights.mean(-1, true).mul(weights.size(-1));
      Tensor expected = weights.div(sums).matmul(heads(v)).transpose(1, 2).to(DType.FLOAT32);
      assertThat(kernel.forward(q, k, v, SCALE)).isCloseTo(expected, 1e-5);
      if (kernel.hasLogSumExp()) {
        AttentionWithLse found = kernel.withLogSumExp(q, k, v, SCALE);
        assertThat(found.out()).isCloseTo(expected, 1e-5);
        assertThat(found.logSumExp().exp()).isCloseTo(sums.squeeze(3).to(DType.FLOAT32), 1e-5);
      }
    }
  }

  @Test
  void sageComputesNearlyTheFormula() {
    Assumptions.assumeTrue(BuiltInKernel.SAGE.obstacle(Device.CPU, DType.FLOAT32).isEmpty());
    try (TensorScope scope = TensorScope.open();
        Generator numbers = new Generator(4)) {
      Tensor x = numbers.randn(DType.FLOAT32, 1, 300, 2, 64);
      Tensor exact = BuiltInKernel.NATIVE.forward(x, x, x, SCALE);
      AttentionWithLse found = BuiltInKernel.SAGE.withLogSumExp(x, x, x, SCALE);
      assertThat(found.out()).isCloseTo(exact, 0.03);
      assertThat(BuiltInKernel.SAGE.forward(x, x, x, SCALE)).isCloseTo(found.out(), 0);
      Assertions.assertThat(found.out().toFloats()).isNotEqualTo(exact.toFloats());
    }
  }

  private static Tensor heads(Tensor x) {
    return x.to(DType.FLOAT64).transpose(1, 2);
  }

  @Test
  void autoMeasuresOnceForEachKindOfOperands() {
    List<String> notes = new ArrayList<>();
    MeasuredKernel kernel = new MeasuredKernel(notes::add);
    try (TensorScope scope = TensorScope.open();
        Generator numbers = new Generator(3)) {
      Tensor x = numbers.randn(DType.FLOAT32, 1, 600, 4, 40);
      kernel.forward(x, x, x, SCALE);
      kernel.forward(x, x, x, SCALE);
      Assertions.assertThat(notes)
          .singleElement()
          .asString()
          .matches(
              "attention_backend auto: (native|_native_flash) for 600 x 600 tokens, 4 heads of 40, float32 on cpu"
                  + " \\(native [0-9.]+ ms, _native_flash [0-9.]+ ms\\)");
      Tensor alike = x.narrow(1, 0, 513);
      kernel.forward(alike, alike, alike, SCALE);
      Assertions.assertThat(notes).hasSize(1);
      Tensor fewer = x.narrow(1, 0, 512);
      kernel.forward(fewer, fewer, fewer, SCALE);
      Assertions.assertThat(notes).hasSize(2);
      new MeasuredKernel(notes::add).forward(fewer, fewer, fewer, SCALE);
      Assertions.assertThat(notes).as("the process remembers").hasSize(2);
    }
  }
}
