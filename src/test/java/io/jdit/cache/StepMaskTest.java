package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

class StepMaskTest {
  private static final JsonNode GOLDEN = CachingFixtures.json("caching/scm_masks.json");

  @Test
  void presetsEqualTheReferenceForEveryNumberOfSteps() {
    int masks = 0;
    for (var byTotal : GOLDEN.get("presets").properties()) {
      int total = Integer.parseInt(byTotal.getKey());
      for (var expected : byTotal.getValue().properties()) {
        MaskPreset preset = MaskPreset.parse(expected.getKey());
        String digits = expected.getValue().stringValue();
        if (digits.startsWith("!")) {
          assertThatThrownBy(() -> StepMask.ofPreset(preset, total))
              .hasMessageContaining("has no form for " + total + " steps");
        } else {
          assertThat(StepMask.ofPreset(preset, total)).hasToString(digits);
        }
        masks++;
      }
    }
    assertThat(masks).isEqualTo(404);
  }

  @Test
  void customBinsEqualTheReference() {
    for (JsonNode c : GOLDEN.get("custom")) {
      List<Integer> compute = CachingFixtures.integers(c.get("compute_bins"));
      List<Integer> cache = CachingFixtures.integers(c.get("cache_bins"));
      Integer total = c.hasNonNull("total_steps") ? c.get("total_steps").intValue() : null;
      String preset = c.has("mask_policy") ? c.get("mask_policy").stringValue() : "medium";
      if (c.has("mask")) {
        assertThat(mask(compute, cache, total, preset))
            .as(c.toString())
            .hasToString(c.get("mask").stringValue());
      } else {
        assertThatThrownBy(() -> mask(compute, cache, total, preset))
            .as(c.toString())
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(
                switch (c.get("error").stringValue()) {
                  case "bins_too_short" -> "cover";
                  case "total_steps_missing" -> "needs the number of steps";
                  case "unknown_preset" -> "unknown mask preset";
                  case "unsupported_total_steps" -> "has no form for";
                  default -> throw new AssertionError(c);
                });
      }
    }
  }

  /** The reference's function: bins when both are given, else the preset. */
  private static StepMask mask(
      List<Integer> compute, List<Integer> cache, Integer total, String preset) {
    return compute != null && cache != null
        ? new StepMaskSource.Bins(compute, cache).resolve(total)
        : new StepMaskSource.Preset(MaskPreset.parse(preset), false).resolve(total);
  }

  @Test
  void negativeBinsAreRejected() {
    assertThatThrownBy(() -> StepMask.ofBins(List.of(4, -1), List.of(2), 5))
        .hasMessage("compute bins of a step mask must be >= 0, found [4, -1]");
  }

  @Test
  void leadingComputedStopsAtTheFirstZero() {
    assertThat(StepMask.parse("1101").leadingComputed()).isEqualTo(2);
    assertThat(StepMask.parse("111").leadingComputed()).isEqualTo(3);
    assertThat(StepMask.parse("").leadingComputed()).isZero();
    assertThat(StepMask.parse("01").leadingComputed()).isZero();
  }

  @Test
  void stepsBeyondTheEndMayBeCached() {
    StepMask mask = StepMask.parse("11");
    assertThat(mask.computes(1)).isTrue();
    assertThat(mask.computes(2)).isFalse();
  }
}
