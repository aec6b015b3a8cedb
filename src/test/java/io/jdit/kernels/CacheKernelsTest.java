package io.jdit.kernels;

import static io.jdit.kernels.InstructionSets.random;
import static io.jdit.kernels.InstructionSets.seeded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.tensor.Torch;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Bit for bit against chains of LibTorch operators and against the reference's results. */
@ExtendWith({InstructionSets.class, NoLeaks.class})
final class CacheKernelsTest {
  private static final String ISAS = "io.jdit.kernels.InstructionSets#withDtypes";
  private static final Path CACHING = Fixture.ROOT.resolve("caching");
  // A rest of every vector length, and enough for several threads and non-temporal stores.
  private static final long[] LENGTHS = {1, 7, 24, 333, 33_001};

  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void subtractsAndSumsResiduals(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(31);
    for (long n : LENGTHS) {
      Tensor h = random(random, dtype, n);
      Tensor h0 = random(random, dtype, n);
      Tensor previous = random(random, dtype, n);
      for (boolean exact : new boolean[] {true, false}) {
        var found = CacheKernels.residualDiff(h, h0, previous, exact);
        Tensor r = h.sub(h0);
        assertThat(found.residual().equalTo(r)).isTrue();
        assertSums(found.sums(), r, previous, exact);
        // h is the residual already.
        found = CacheKernels.residualDiff(r, null, previous, exact);
        assertThat(found.residual()).isNull();
        assertSums(found.sums(), r, previous, exact);
      }
      Tensor inPlace = h.copy();
      Tensor sums = CacheKernels.residualDiffInto(inPlace, h0, previous, true, inPlace);
      assertThat(inPlace.equalTo(h.sub(h0))).isTrue();
      assertSums(sums, inPlace, previous, true);
      var alone = CacheKernels.residualDiff(h, h0, null, true);
      assertThat(alone.residual().equalTo(h.sub(h0))).isTrue();
      assertThat(alone.sums()).isNull();
    }
  }

  private static void assertSums(Tensor sums, Tensor r, Tensor previous, boolean exact) {
    double[] p = previous.toDoubles();
    double[] d =
        exact
            ? previous.sub(r).toDoubles()
            : previous.to(DType.FLOAT64).sub(r.to(DType.FLOAT64)).toDoubles();
    double difference = 0;
    double magnitude = 0;
    for (int i = 0; i < p.length; i++) {
      difference += Math.abs(d[i]);
      magnitude += Math.abs(p[i]);
    }
    double[] found = sums.toDoubles();
    assertThat(found[0]).isCloseTo(difference, within(5e-7 * difference));
    assertThat(found[1]).isCloseTo(magnitude, within(5e-7 * magnitude));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void sumsDoNotDependOnTheNumberOfThreads(boolean exact) {
    InstructionSets.use("auto");
    Random random = seeded(32);
    Tensor h = random(random, DType.FLOAT32, 300_001);
    Tensor previous = random(random, DType.FLOAT32, 300_001);
    int threads = Torch.threads();
    try {
      Torch.setThreads(1);
      Tensor one = CacheKernels.residualDiff(h, null, previous, exact).sums();
      Torch.setThreads(3);
      Tensor three = CacheKernels.residualDiff(h, null, previous, exact).sums();
      assertThat(three.equalTo(one)).isTrue();
    } finally {
      Torch.setThreads(threads);
    }
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void matchesTheReferencesDifferences(String isa, DType dtype) {
    InstructionSets.use(isa);
    JsonNode cases = ModelConfig.read(CACHING.resolve("similarity.json")).json().path("cases");
    int compared = 0;
    try (SafeTensorsFile tensors =
        SafeTensorsFile.open(CACHING.resolve("similarity.safetensors"))) {
      for (JsonNode c : cases) {
        // Below zero: the tensors do not compare, which is for the caller to notice.
        if (dtypeOf(c) != dtype
            || c.path("important_condition_threshold").asDouble() != 0
            || c.path("downsample_factor").asInt() != 1
            || !c.hasNonNull("diff")
            || (c.path("diff").isNumber() && c.path("diff").asDouble() < 0)) {
          continue;
        }
        String pair = c.path("pair").asString();
        Tensor previous = tensors.read(pair + ".prev").to(dtype);
        Tensor current = tensors.read(pair + ".cur").to(dtype);
        double[] sums = CacheKernels.residualDiff(current, null, previous, true).sums().toDoubles();
        double n = previous.elements();
        double difference = InstructionSets.rounded(sums[0] / n, dtype);
        double magnitude = InstructionSets.rounded(sums[1] / n, dtype);
        double found = InstructionSets.rounded(difference / magnitude, dtype);
        double expected =
            switch (c.path("diff").asString()) {
              case "nan" -> Double.NaN;
              case "inf" -> Double.POSITIVE_INFINITY;
              default -> c.path("diff").asDouble();
            };
        if (dtype == DType.FLOAT32 && Double.isFinite(expected)) {
          // The reference's float32 means are sums in another order.
          assertThat(found).as(pair).isCloseTo(expected, within(5e-7 * expected));
        } else {
          assertThat(found).as(pair).isEqualTo(Double.valueOf(expected));
        }
        compared++;
      }
    }
    assertThat(compared).isPositive();
  }

  private static DType dtypeOf(JsonNode c) {
    return switch (c.path("dtype").asString()) {
      case "f32" -> DType.FLOAT32;
      case "bf16" -> DType.BFLOAT16;
      case "f16" -> DType.FLOAT16;
      default -> DType.FLOAT64;
    };
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void advancesAndEvaluatesLadders(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(33);
    for (long n : LENGTHS) {
      Tensor h1 = random(random, dtype, n);
      for (int order = 0; order <= 4; order += order < 2 ? 1 : 2) {
        List<Tensor> previous = new ArrayList<>();
        for (int i = 0; i <= order; i++) {
          previous.add(random(random, dtype, n));
        }
        Tensor h = random(random, dtype, n);
        List<Tensor> next = CacheKernels.taylorUpdate(h, h1, previous, order, 3);
        assertSame(next, EagerKernels.taylorUpdate(h, h1, previous, order, 3));
        assertSame(
            CacheKernels.taylorUpdate(h, null, previous, order, 7),
            EagerKernels.taylorUpdate(h, null, previous, order, 7));

        for (Tensor base : new Tensor[] {null, h1}) {
          assertThat(
                  CacheKernels.taylorEval(next, base, 5)
                      .equalTo(EagerKernels.taylorEval(next, base, 5)))
              .isTrue();
        }
        Tensor inPlace = next.get(0).copy();
        List<Tensor> first = new ArrayList<>(next);
        first.set(0, inPlace);
        CacheKernels.taylorEvalInto(first, h1, 5, inPlace);
        assertThat(inPlace.equalTo(EagerKernels.taylorEval(next, h1, 5))).isTrue();

        List<Tensor> expected = EagerKernels.taylorUpdate(h, h1, previous, order, 3);
        CacheKernels.taylorUpdateInto(h, h1, previous, 3, previous);
        assertSame(previous, expected);
      }
    }
  }

  @Test
  void writesALargeForecastPastTheCaches() {
    InstructionSets.use("auto");
    Random random = seeded(34);
    for (DType dtype : InstructionSets.DTYPES) {
      long n = 2_100_003; // more than 4 MiB of every dtype
      List<Tensor> ladder = List.of(random(random, dtype, n), random(random, dtype, n));
      Tensor base = random(random, dtype, n);
      assertThat(
              CacheKernels.taylorEval(ladder, base, 2)
                  .equalTo(EagerKernels.taylorEval(ladder, base, 2)))
          .isTrue();
      assertSame(
          CacheKernels.taylorUpdate(base, null, ladder, 1, 2),
          EagerKernels.taylorUpdate(base, null, ladder, 1, 2));
      assertThat(
              CacheKernels.residualDiff(base, ladder.get(0), ladder.get(1), true)
                  .residual()
                  .equalTo(base.sub(ladder.get(0))))
          .isTrue();
    }
  }

  private static void assertSame(List<Tensor> found, List<Tensor> expected) {
    assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < found.size(); i++) {
      assertThat(found.get(i).equalTo(expected.get(i))).as("level %d", i).isTrue();
    }
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void forecastsWithFoca(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(35);
    for (long n : LENGTHS) {
      Tensor a = random(random, dtype, n);
      Tensor a1 = random(random, dtype, n);
      Tensor f = random(random, dtype, n);
      Tensor f1 = random(random, dtype, n);
      for (int t = 1; t <= 6; t++) {
        Tensor y = EagerKernels.focaEval(a, a1, f, f1, t);
        var found = CacheKernels.focaEval(a, a1, f, f1, f1, t);
        assertThat(found.value().equalTo(y)).isTrue();
        assertThat(found.sum().equalTo(y.add(f1))).isTrue();
        assertThat(CacheKernels.focaEval(a, a1, f, f1, null, t).sum()).isNull();
        var inPlace = new CacheKernels.Forecast(f1.copy(), f1.copy());
        CacheKernels.focaEvalInto(a, a1, f, inPlace.value(), f1, t, inPlace);
        assertThat(inPlace.value().equalTo(y)).isTrue();
        assertThat(inPlace.sum().equalTo(y.add(f1))).isTrue();
      }
    }
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void matchesTheReferencesForecasts(String isa, DType dtype) {
    InstructionSets.use(isa);
    JsonNode cases = ModelConfig.read(CACHING.resolve("calibrators.json")).json().path("cases");
    int compared = 0;
    try (SafeTensorsFile tensors =
        SafeTensorsFile.open(CACHING.resolve("calibrators.safetensors"))) {
      for (JsonNode c : cases) {
        String kind = c.path("kind").asString();
        if (dtypeOf(c) != dtype
            || kind.equals("dmd")
            || c.has("reset_before")
            || c.has("switch_at")) {
          continue;
        }
        Tensor input = tensors.read(c.path("input").asString()).to(dtype);
        String pattern = c.path("pattern").asString();
        List<Tensor> forecasts =
            kind.equals("foca")
                ? foca(input, pattern)
                : taylorSeer(input, pattern, c.path("kwargs").path("order").asInt());
        Tensor expected = tensors.read(c.path("output").asString());
        assertThat(Tensor.stack(0, forecasts.toArray(Tensor[]::new)).equalTo(expected))
            .as(c.path("id").asString())
            .isTrue();
        compared++;
      }
    }
    assertThat(compared).isPositive();
  }

  /** Forecasts of the steps S of a pattern; the counter lags one behind, as streams do. */
  private static List<Tensor> taylorSeer(Tensor input, String pattern, int order) {
    List<Tensor> forecasts = new ArrayList<>();
    List<Tensor> ladder = List.of();
    int anchor = -1;
    for (int step = 0; step < pattern.length(); step++) {
      int counter = step - 1;
      if (pattern.charAt(step) == 'C') {
        ladder =
            CacheKernels.taylorUpdate(
                input.select(0, step),
                null,
                counter > 1 ? ladder : List.of(),
                order,
                counter - anchor);
        anchor = counter;
      } else {
        forecasts.add(CacheKernels.taylorEval(ladder, null, counter - anchor));
      }
    }
    return forecasts;
  }

  private static List<Tensor> foca(Tensor input, String pattern) {
    List<Tensor> forecasts = new ArrayList<>();
    Tensor a = null;
    Tensor a1 = null;
    Tensor f = null;
    Tensor f1 = null;
    int computed = -1;
    for (int step = 0; step < pattern.length(); step++) {
      if (pattern.charAt(step) == 'C') {
        a1 = a;
        f1 = f;
        a = input.select(0, step);
        f = a;
        computed = step;
      } else if (a1 == null || f1 == null) {
        forecasts.add(a);
      } else {
        Tensor y = CacheKernels.focaEval(a, a1, f, f1, null, step - computed).value();
        f1 = f;
        f = y;
        forecasts.add(y);
      }
    }
    return forecasts;
  }

  @Test
  void refusesWrongArgumentsByName() {
    Tensor h = InstructionSets.empty(DType.FLOAT32, 4);
    Tensor other = InstructionSets.empty(DType.FLOAT32, 5);
    assertThatThrownBy(() -> CacheKernels.residualDiff(h, other, null, true))
        .hasMessage("residualDiff h0: expected shape [4], found [5]");
    assertThatThrownBy(() -> CacheKernels.taylorEval(List.of(), null, 1))
        .hasMessage("taylorEval ladder: expected 1 to 8 tensors, found 0");
    assertThatThrownBy(() -> CacheKernels.taylorUpdateInto(h, null, List.of(), 1, List.of(h, h)))
        .hasMessage("taylorUpdate next: expected 1 to 1 tensors, found 2");
  }
}
