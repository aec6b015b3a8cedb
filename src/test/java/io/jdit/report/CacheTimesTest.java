package io.jdit.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.cache.CacheConfig;
import io.jdit.cache.CacheStatistics;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CacheTimesTest {
  private static CacheStatistics group(String expert, int steps, List<Integer> cached) {
    var none = new CacheStatistics.Branch(List.of(), Map.of(), 0, List.of(), List.of());
    var branch = new CacheStatistics.Branch(cached, Map.of(), cached.size(), List.of(), List.of());
    return new CacheStatistics(
        expert, "blocks", 8, CacheConfig.defaults(), branch, none, steps, steps, steps, steps);
  }

  /** The second expert's step 1 is step 4 of the run. */
  @Test
  void expertsFollowEachOther() {
    CacheTimes times =
        CacheTimes.of(
            List.of(group("transformer", 3, List.of(2)), group("transformer_2", 3, List.of(1, 2))),
            List.of(99.0, 10.0, 2.0, 12.0, 3.0, 4.0));
    assertThat(times.computedMillis()).isEqualTo(11);
    assertThat(times.cachedMillis()).isEqualTo(3);
    assertThat(times.isComparison()).isTrue();
    assertThat(times)
        .hasToString(
            "computed step 11.0 ms, cached step 3.0 ms, speed-up 0.51x of 6 computed steps");
  }

  @Test
  void aStepThatOneGroupComputedIsOfNeitherKind() {
    CacheTimes times =
        CacheTimes.of(
            List.of(group("transformer", 4, List.of(1, 2)), group("transformer", 4, List.of(2))),
            List.of(99.0, 7.0, 2.0, 10.0));
    assertThat(times.computedMillis()).isEqualTo(10);
    assertThat(times.cachedMillis()).isEqualTo(2);
  }

  @Test
  void aRunWithoutCachedStepsIsNoComparison() {
    assertThat(CacheTimes.of(List.of(), List.of(1.0, 2.0)).isComparison()).isFalse();
  }
}
