package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.transformer.Acceleration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CacheNotesTest {
  private static List<String> before(String options, int steps) {
    SettingsFile file =
        SettingsFile.parse("cache_config: {" + options + "}", "cache.yaml", UnknownKeys.REJECT);
    return CacheNotes.before(
        ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none()),
        new Acceleration.Outline("transformer", steps, 1));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "max_warmup_steps: 20 | 20 | max_warmup_steps 20 is not below the 20 steps, lower"
            + " --warmup-steps",
        "residual_diff_threshold: 0 | 20 | residual_diff_threshold 0.0 is not above 0, raise --rdt",
        "steps_computation_mask: [1, 1, 1, 1] | 4 | its mask 1111 has no 0, choose a preset with"
            + " --scm or add zeros",
        "max_cached_steps: 0 | 20 | max_cached_steps is 0, raise --max-cached-steps or set -1 for no"
            + " limit",
        "max_continuous_cached_steps: 0 | 20 | max_continuous_cached_steps is 0, raise"
            + " --max-continuous-cached-steps or set -1 for no limit",
        "max_warmup_steps: 0 | 1 | a single step has none before it"
      })
  void settingsThatExcludeEveryStepAreTold(String options, int steps, String reason) {
    assertThat(before(options, steps))
        .containsExactly("the cache of transformer cannot serve any step: " + reason);
  }

  @Test
  void settingsThatMayServeAStepAreNotTold() {
    assertThat(before("max_warmup_steps: 19", 20)).isEmpty();
    assertThat(before("max_warmup_steps: 40, warmup_interval: 2", 20)).isEmpty();
    assertThat(
            before(
                "residual_diff_threshold: 0, steps_computation_mask: fast,"
                    + " steps_computation_policy: static",
                20))
        .isEmpty();
  }

  @Test
  void aMaskMadeForOtherStepsIsTold() {
    String options = "steps_computation_mask: fast, num_inference_steps: 28";
    assertThat(before(options, 28)).isEmpty();
    assertThat(before(options, 20))
        .containsExactly(
            "steps_computation_mask fast was made for num_inference_steps 28; for the 20 steps of"
                + " transformer it is 11111101000000000001");
  }

  @Test
  void blockGroupsWithReasonsOfTheirOwnAreNamed() {
    assertThat(before("per_block_group: [{}, {residual_diff_threshold: 0}]", 20))
        .containsExactly(
            "the cache of block group 1 of transformer cannot serve any step:"
                + " residual_diff_threshold 0.0 is not above 0, raise --rdt");
    assertThat(before("max_warmup_steps: 20, per_block_group: [{Bn_compute_blocks: 1}]", 20))
        .hasSize(1);
  }

  private static CacheStatistics statistics(
      Values settings, List<Integer> cached, Map<Integer, List<Double>> diffs) {
    var none = new CacheStatistics.Branch(List.of(), Map.of(), 0, List.of(), List.of());
    var branch = new CacheStatistics.Branch(cached, diffs, cached.size(), List.of(), List.of());
    CacheConfig config = CacheConfig.of(settings).forGeneration(20, 1);
    return new CacheStatistics("transformer_2", "blocks", 8, config, branch, none, 20, 20, 20, 20);
  }

  @Test
  void aCacheThatServedNothingSaysHowFarItWas() {
    Values settings = Values.of(CacheKeys.FN_COMPUTE_BLOCKS, 1);
    Map<Integer, List<Double>> diffs =
        Map.of(8, List.of(0.5), 9, List.of(0.3123), 10, List.of(-2.0));
    assertThat(CacheNotes.after(List.of(statistics(settings, List.of(), diffs))))
        .containsExactly(
            "the cache of blocks of transformer_2 served no step: the least residual difference,"
                + " 0.312 at step 9, is not below residual_diff_threshold 0.08, raise --rdt above"
                + " it");
    assertThat(CacheNotes.after(List.of(statistics(settings, List.of(), Map.of()))))
        .singleElement()
        .asString()
        .endsWith("served no step: no two steps could be compared");
    assertThat(CacheNotes.after(List.of(statistics(settings, List.of(9), diffs)))).isEmpty();
  }

  @Test
  void whatWasToldBeforeIsNotSaidAgain() {
    Values warm = Values.of(CacheKeys.MAX_WARMUP_STEPS, 20).with(CacheKeys.FN_COMPUTE_BLOCKS, 1);
    assertThat(CacheNotes.after(List.of(statistics(warm, List.of(), Map.of())))).isEmpty();
  }

  @Test
  void blocksThatLeaveNothingToSkipAreTold() {
    assertThat(CacheNotes.after(List.of(statistics(Values.none(), List.of(9), Map.of()))))
        .containsExactly(
            "the cache saves nothing: F 8 and B 0 leave none of the 8 blocks of blocks of"
                + " transformer_2 to skip, lower --Fn or --Bn");
  }
}
