package io.jdit.metrics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class QuantileBoundTest {
  private static double[] oneTo(int n) {
    return IntStream.rangeClosed(1, n).asDoubleStream().toArray();
  }

  /** Published table of nonparametric tolerance limits: 95 % of a population. */
  @Test
  void theRankIsThatOfToleranceTables() {
    // 59 values: the smallest, with 95.2 %; 93: the second, with 95.0 % (Conover).
    assertThat(QuantileBound.of(oneTo(59), 0.05, 0.95).value()).isEqualTo(1);
    assertThat(QuantileBound.of(oneTo(59), 0.05, 0.95).confidence())
        .isCloseTo(0.9515, within(1e-4));
    assertThat(QuantileBound.of(oneTo(92), 0.05, 0.95).value()).isEqualTo(1);
    assertThat(QuantileBound.of(oneTo(93), 0.05, 0.95).value()).isEqualTo(2);
    assertThat(QuantileBound.of(oneTo(45), 0.05, 0.9).confidence()).isCloseTo(0.9006, within(1e-4));
  }

  @Test
  void aSmallSampleSaysHowLittleItKnows() {
    QuantileBound bound = QuantileBound.of(new double[] {30, 20, 40}, 0.05, 0.9);
    assertThat(bound.value()).isEqualTo(20);
    assertThat(bound.confidence()).isCloseTo(1 - Math.pow(0.95, 3), within(1e-12));
  }

  @Test
  void itHoldsAsOftenAsItSays() {
    Random random = new Random(1);
    int held = 0;
    for (int i = 0; i < 2000; i++) {
      double[] sample = IntStream.range(0, 120).mapToDouble(k -> random.nextDouble()).toArray();
      held += QuantileBound.of(sample, 0.05, 0.9).value() <= 0.05 ? 1 : 0;
    }
    assertThat(held / 2000.0).isBetween(0.9, 0.97);
  }
}
