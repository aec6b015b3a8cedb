package io.jdit.cache.forecast;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jdit.cache.CacheConfig;
import io.jdit.cache.RankSum;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.Forecast;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NoLeaks.class)
class ForecastCacheTest {
  private static final int STEPS = 24;
  private static final double PACE = 0.05;

  /** Both branches of a model go along the same line, at equal paces. */
  private static ExpertProfile line(int branches) {
    return line(branches, Correction.NONE);
  }

  private static ExpertProfile line(int branches, Correction correction) {
    double[][] velocities = new double[branches * STEPS][];
    for (int i = 0; i < velocities.length; i++) {
      velocities[i] = new double[] {PACE * (i % STEPS), 1};
    }
    return new ExpertProfile(
        Profiles.ladder(STEPS),
        branches == 1 ? new double[] {1} : new double[] {3, -2},
        Profiles.constant(STEPS, 1),
        Profiles.gram(STEPS, branches, velocities),
        correction);
  }

  private static ForecastCache cache(ExpertProfile profile, Pace pace, RankSum ranks) {
    return new ForecastCache(
        new Acceleration.Outline("transformer", STEPS, profile.guidance().length),
        CacheConfig.defaults().forGeneration(STEPS, profile.guidance().length),
        new ErrorModel(profile),
        pace,
        ranks,
        List.of());
  }

  private static Pace pace(double price) {
    return new Pace(price, new double[STEPS], true);
  }

  private static Acceleration.Call call(int step, int branch, double shift) {
    double[] sigmas = Profiles.ladder(STEPS);
    return new Acceleration.Call(
        step,
        branch,
        (float) (1000 * sigmas[step]),
        (float) (sigmas[step] + shift),
        (float) sigmas[step + 1],
        null);
  }

  private static Tensor velocity(int step, double pace) {
    return Tensor.of(new float[] {(float) (PACE * step * pace), 1}, 1, 2);
  }

  /** The steps that are computed of a picture whose velocity moves at {@code pace}. */
  private static List<Integer> computed(ForecastCache cache, int branches, double pace) {
    List<Integer> computed = new ArrayList<>();
    for (int k = 0; k < STEPS; k++) {
      for (int b = 0; b < branches; b++) {
        try (TensorScope scope = TensorScope.open()) {
          if (cache.forecast(call(k, b, 0)) == null) {
            cache.computed(call(k, b, 0), velocity(k, pace));
            if (b == 0) {
              computed.add(k);
            }
          }
        }
      }
    }
    return computed;
  }

  @Test
  void aForecastIsTheDampedLineThroughTheLastTwo() {
    ExpertProfile profile = line(1);
    try (ForecastCache cache = cache(profile, pace(1e6), null);
        TensorScope scope = TensorScope.open()) {
      for (int k = 0; k < 2; k++) {
        assertThat(cache.forecast(call(k, 0, 0))).isNull();
        cache.computed(call(k, 0, 0), velocity(k, 1));
      }
      Forecast forecast = cache.forecast(call(2, 0, 0));
      double w = new ErrorModel(profile).slope(0, 2, 1, 0);
      assertThat(forecast.weights()).containsExactly(1 + w, -w);
      assertThat(forecast.value().toFloats()[0]).isCloseTo((float) (PACE * (1 + w)), within(1e-6f));
      assertThat(cache.peakBytes()).isEqualTo(2 * 2 * Float.BYTES);
    }
  }

  /** How far Euler steps along the line end from where they end when all is computed. */
  private static double missed(Correction correction) {
    ExpertProfile profile = line(1, correction);
    double[] sigmas = Profiles.ladder(STEPS);
    double missed = 0;
    try (ForecastCache cache = cache(profile, pace(0.001), null)) {
      for (int k = 0; k < STEPS; k++) {
        try (TensorScope scope = TensorScope.open()) {
          Forecast forecast = cache.forecast(call(k, 0, 0));
          Tensor taken =
              forecast == null ? cache.computed(call(k, 0, 0), velocity(k, 1)) : forecast.value();
          missed += (sigmas[k + 1] - sigmas[k]) * (taken.toFloats()[0] - PACE * k);
        }
      }
      assertThat(cache.cachedSteps()).isGreaterThan(STEPS / 3);
    }
    return Math.abs(missed);
  }

  @Test
  void aComputedStepMendsWhatTheForecastsBeforeItMissed() {
    assertThat(missed(Correction.FULL)).isPositive().isLessThan(missed(Correction.NONE) / 2);
  }

  @Test
  void cautionTakesLessOfWhatIsMoreThanExpected() {
    assertThat(Correction.CAUTIOUS.share(1, 0.5)).isEqualTo(1);
    assertThat(Correction.CAUTIOUS.share(1, 2)).isEqualTo(0.25);
    assertThat(Correction.FULL.share(1, 2)).isEqualTo(1);
    assertThat(Correction.NONE.share(1, 0.5)).isZero();
  }

  @Test
  void aTypicalPictureFollowsTheSchedule() {
    ExpertProfile profile = line(2);
    Planner planner = new Planner(new ErrorModel(profile));
    double price = 1.01 * Planner.price(List.of(planner), 2); // not at the edge of rounding
    try (ForecastCache cache = cache(profile, pace(price), null)) {
      List<Integer> computed = computed(cache, 2, 1);
      assertThat(computed).isEqualTo(planner.schedule(price)).hasSizeLessThanOrEqualTo(STEPS / 2);
      var statistics = cache.statistics().get(0);
      assertThat(statistics.conditional().cachedSteps())
          .hasSize(STEPS - computed.size())
          .doesNotContainAnyElementsOf(computed)
          .isEqualTo(statistics.unconditional().cachedSteps());
      assertThat(statistics.executedSteps()).isEqualTo(STEPS);
      assertThat(statistics.conditional().residualDiffs().keySet())
          .containsExactlyElementsOf(computed.subList(2, computed.size()));
    }
  }

  @Test
  void aPictureWithLargerErrorsIsComputedMoreOften() {
    ExpertProfile profile = line(1);
    double price = Planner.price(List.of(new Planner(new ErrorModel(profile))), 2);
    try (ForecastCache calm = cache(profile, pace(price), null);
        ForecastCache wild = cache(profile, pace(price), null);
        ForecastCache fixed = cache(profile, new Pace(price, new double[STEPS], false), null)) {
      int usual = computed(fixed, 1, 4).size();
      assertThat(computed(wild, 1, 4).size()).isGreaterThan(usual);
      assertThat(computed(calm, 1, 0.1).size()).isLessThan(usual);
    }
  }

  @Test
  void ranksDecideByTheSumOfTheirErrors() {
    ExpertProfile profile = line(1);
    double price = Planner.price(List.of(new Planner(new ErrorModel(profile))), 2);
    // What this rank says of itself is replaced by what the first rank would say.
    List<float[]> told = new ArrayList<>();
    try (ForecastCache first =
            cache(
                profile,
                pace(price),
                values -> {
                  told.add(values);
                  return values;
                });
        ForecastCache second = cache(profile, pace(price), values -> told.remove(0))) {
      List<Integer> here = computed(first, 1, 4);
      assertThat(computed(second, 1, 0.2)).isEqualTo(here);
    }
  }

  @Test
  void otherNoiseLevelsAreComputedAndTold() {
    try (ForecastCache cache = cache(line(1), pace(1e6), null)) {
      for (int k = 0; k < STEPS; k++) {
        assertThat(cache.forecast(call(k, 0, k < 4 ? 0 : 0.1)) == null).isEqualTo(k < 2 || k >= 4);
        if (k < 2 || k >= 4) {
          try (TensorScope scope = TensorScope.open()) {
            cache.computed(call(k, 0, 0), velocity(k, 1));
          }
        }
      }
      assertThat(cache.notes()).singleElement().asString().contains("from step 4 on");
    }
  }
}
