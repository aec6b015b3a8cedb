package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.family.flux1.FluxConfig;
import io.jdit.family.flux1.FluxTransformer;
import io.jdit.tensor.DType;
import io.jdit.testing.Fixture;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlanReportTest {
  static final FluxConfig TINY =
      new FluxConfig(16, 16, 4, 6, 4, 16, 32, 32, true, new int[] {4, 6, 6});
  private static final FluxConfig DEV =
      new FluxConfig(64, 64, 19, 38, 24, 128, 4096, 768, true, new int[] {16, 56, 56});
  private static final TransformerCost FLUX_DEV = cost(DEV, 512, 64, 64);

  static TransformerCost cost(FluxConfig config, int textTokens, int height, int width) {
    return TransformerCost.measure(
        (w, meter) -> {
          FluxTransformer t =
              new FluxTransformer(config, w, meter.linears(), meter.attention(), meter.sequence());
          return t.forward(t.sized(textTokens, height, width), meter.runner());
        });
  }

  private static PlanRequest flux(double gigabytesPerSecond) {
    return new PlanRequest(FLUX_DEV, 1, 1, DType.BFLOAT16, 0, 790, gigabytesPerSecond);
  }

  private static LayoutPlan plan(int ring, int ulysses, int tp, boolean float8) {
    ParallelConfig config = ParallelConfig.of(new Mesh(1, 1, ring, ulysses, tp)).withFloat8(float8);
    return LayoutPlan.of(config, flux(450));
  }

  @Test
  void weightsAreThoseOfTheCheckpoint() {
    long elements = 0;
    try (Fixture f = new Fixture("flux1-dev-tiny");
        Checkpoint c = Checkpoint.open(f.pipeline().resolve("transformer"))) {
      for (String name : c.names()) {
        elements += c.info(name).elements();
      }
    }
    TransformerCost tiny = cost(TINY, 32, 4, 4);
    assertThat(tiny.weights()).isEqualTo(elements);
    // The published size of FLUX.1-dev.
    assertThat(FLUX_DEV.weights()).isEqualTo(11_901_408_320L);
  }

  /** With t = S D 2 bytes: Ulysses 4 (t / N) (N - 1) / N, ring 2 (t / N) (N - 1), 57 attentions. */
  @ParameterizedTest
  @CsvSource({"2", "4", "8"})
  void bytesOfFluxAt1024(int n) {
    double t = 4608.0 * 3072 * 2;
    assertThat(plan(1, n, 1, false).bytesPerStep(Collective.ALL_TO_ALL))
        .isEqualTo(Math.round(57 * 4 * t / n * (n - 1) / n));
    assertThat(plan(n, 1, 1, false).bytesPerStep(Collective.POINT_TO_POINT))
        .isEqualTo(Math.round(57 * 2 * t / n * (n - 1)));
    // 19 double blocks reduce every token twice, 38 single blocks once.
    assertThat(plan(1, 1, n, false).bytesPerStep(Collective.ALL_REDUCE))
        .isEqualTo(Math.round((2 * 19 + 38) * 2 * t * (n - 1) / n));
    double float8 = plan(1, n, 1, true).bytesPerStep(Collective.ALL_TO_ALL);
    assertThat(float8 / plan(1, n, 1, false).bytesPerStep(Collective.ALL_TO_ALL))
        .isCloseTo((2 * 132 + 256 + 130) / 1024.0, within(1e-9));
  }

  @Test
  void computationOfFluxAt1024() {
    // 59.49 and 14.87 TFLOP at 790 TFLOP/s.
    assertThat(plan(1, 1, 1, false).computeMillis()).isCloseTo(94.1, within(0.1));
    assertThat(plan(1, 8, 1, false).computeMillis()).isCloseTo(11.8, within(0.1));
    assertThat(plan(1, 2, 1, false).communicationMillis()).isCloseTo(3.6, within(0.1));
    assertThat(plan(2, 1, 1, false).communicationMillis()).isLessThan(0.1);
  }

  @Test
  void weightsShrinkWithTensorParallelism() {
    long whole = plan(1, 1, 1, false).weightBytes();
    assertThat(whole).isEqualTo(2 * 11_901_408_320L);
    assertThat(plan(1, 8, 1, false).weightBytes()).isEqualTo(whole);
    assertThat(plan(1, 1, 8, false).weightBytes()).isBetween(whole / 8, whole / 7);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 6, 8, 16, 64, 256, 512})
  void layoutsMultiplyToTheRanksAndTheFastestIsFirst(int ranks) {
    List<LayoutPlan> plans = PlanReport.layouts(ranks, flux(25), ParallelConfig.single());
    double last = 0;
    for (LayoutPlan p : plans) {
      assertThat(p.config().mesh().ranks()).isEqualTo(ranks);
      assertThat(p.stepMillis()).isGreaterThanOrEqualTo(last);
      last = p.stepMillis();
      p.config().requireHeads(24);
    }
    assertThat(PlanReport.table(plans)).contains("step ms").contains("sent GB");
  }

  @Test
  void thousandRanksAndBeyond() {
    PlanRequest large = new PlanRequest(cost(DEV, 512, 128, 128), 1, 2, DType.BFLOAT16, 3, 400, 50);
    List<LayoutPlan> plans = PlanReport.layouts(1024, large, ParallelConfig.single());
    assertThat(plans).isNotEmpty().allMatch(p -> p.config().mesh().ranks() == 1024);
    assertThatThrownBy(() -> PlanReport.layouts(1025, large, ParallelConfig.single()))
        .hasMessageContaining("1 to 1024");
    assertThatThrownBy(() -> PlanReport.layouts(1021, large, ParallelConfig.single()))
        .hasMessageContaining("no layout of 1021 ranks");
  }

  @Test
  void detailNamesMemoryAndTraffic() {
    String text = PlanReport.detail(plan(2, 2, 2, false), Map.of("vae", 2_000_000L));
    assertThat(text)
        .contains("mesh            ring 2 x ulysses 2 x tp 2, 8 ranks")
        .contains("weights")
        .contains("all-to-all")
        .contains("point-to-point")
        .contains("all-reduce")
        .contains("ms = ");
  }
}
