package io.jdit.cache.forecast;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Against every mask of a short schedule. */
class PlannerTest {
  private static final int STEPS = 8;

  private static List<List<Integer>> allMasks() {
    List<List<Integer>> masks = new ArrayList<>();
    for (int bits = 0; bits < 1 << (STEPS - 2); bits++) {
      List<Integer> computed = new ArrayList<>(List.of(0, 1));
      for (int k = 2; k < STEPS; k++) {
        if ((bits >> (k - 2) & 1) == 1) {
          computed.add(k);
        }
      }
      masks.add(computed);
    }
    return masks;
  }

  /** Sum over gaps of the squared error of each. */
  private static double error(ErrorModel model, List<Integer> computed) {
    double sum = 0;
    for (int i = 1; i < computed.size(); i++) {
      int end = i + 1 < computed.size() ? computed.get(i + 1) : STEPS;
      double gap = model.gap(computed.get(i - 1), computed.get(i), end);
      sum += gap * gap;
    }
    return sum;
  }

  private static double value(ErrorModel model, List<Integer> computed, double price) {
    return error(model, computed) + price * computed.size();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void noMaskIsBetterThanTheSchedule(long seed) {
    ErrorModel model = new ErrorModel(Profiles.random(STEPS, seed));
    Planner planner = new Planner(model);
    for (double price = 1e-6; price < 10; price *= 1.5) {
      double p = price;
      double least = allMasks().stream().mapToDouble(m -> value(model, m, p)).min().orElseThrow();
      assertThat(value(model, planner.schedule(price), price))
          .isCloseTo(least, within(1e-12 * (1 + least)));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5})
  void theScheduleOfASpeedIsTheBestOfItsLength(long seed) {
    ErrorModel model = new ErrorModel(Profiles.random(STEPS, seed));
    Planner planner = new Planner(model);
    for (int most = 2; most <= STEPS; most++) {
      double speedup = (double) STEPS / most;
      double price = Planner.price(List.of(planner), speedup);
      List<Integer> schedule = planner.schedule(price);
      assertThat(schedule).hasSizeLessThanOrEqualTo(most);
      double least =
          allMasks().stream()
              .filter(m -> m.size() == schedule.size())
              .mapToDouble(m -> error(model, m))
              .min()
              .orElseThrow();
      assertThat(error(model, schedule)).isCloseTo(least, within(1e-9 * (1 + least)));
      // The least price: a little below it more is computed.
      if (price > 0) {
        assertThat(planner.schedule(price * 0.999).size()).isGreaterThan(most);
      }
    }
  }

  @Test
  void aComputedStepIsNeverFartherThanTheLimit() {
    List<Integer> schedule = new Planner(new ErrorModel(Profiles.random(30, 1))).schedule(1e8);
    assertThat(schedule).hasSize(5); // 29 steps after the first, at most 8 at once
    for (int i = 1; i < schedule.size(); i++) {
      assertThat(schedule.get(i) - schedule.get(i - 1)).isLessThanOrEqualTo(8);
    }
    assertThat(30 - schedule.get(4)).isLessThanOrEqualTo(8);
  }

  @Test
  void aSpeedThatTheStepsDoNotAllowIsRefused() {
    Planner planner = new Planner(new ErrorModel(Profiles.random(STEPS, 1)));
    assertThatThrownBy(() -> Planner.price(List.of(planner), 5))
        .hasMessage("a speed-up of 5.0 is not possible: 4.0 is the largest of 8 steps");
  }
}
