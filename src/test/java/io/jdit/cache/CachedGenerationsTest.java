package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/** Caches of several generations and of several transformers of one model. */
@ExtendWith(NoLeaks.class)
class CachedGenerationsTest {
  private static Acceleration.Outline outline(int steps, int calls) {
    return new Acceleration.Outline("transformer", steps, calls);
  }

  private static ResolvedCacheConfig resolved(String yaml) {
    return ResolvedCacheConfig.resolve(
        SettingsFile.parse(yaml, "cache.yaml", UnknownKeys.REJECT), Map.of(), CacheFlags.none());
  }

  /** The cache of a generation of {@code steps} with {@code calls} each. */
  private static BlockCache begin(String yaml, String expert, int steps, int calls) {
    return (BlockCache)
        BlockCache.factory(resolved(yaml), null)
            .begin(new Acceleration.Outline(expert, steps, calls));
  }

  @Test
  void aSecondGenerationEqualsTheFirst() {
    JsonNode golden = GoldenRun.golden("b025");
    Acceleration.Factory factory =
        outline ->
            new DualBlockCache(
                outline.expert(),
                g ->
                    GoldenRun.configs(golden)
                        .apply(g)
                        .forGeneration(outline.steps(), outline.calls()),
                null);
    try (GoldenRun run = new GoldenRun(golden);
        BlockCache first = (BlockCache) factory.begin(outline(12, 1));
        BlockCache second = (BlockCache) factory.begin(outline(12, 1))) {
      List<Streams> before = run.calls(first, 12);
      first.close();
      List<Streams> after = run.calls(second, 12);
      for (int i = 0; i < before.size(); i++) {
        assertThat(after.get(i).hidden().equalTo(before.get(i).hidden())).as("call " + i).isTrue();
      }
      assertThat(second.statistics()).isEqualTo(first.statistics());
      assertThat(first.statistics().get(0).conditional().cachedSteps()).isNotEmpty();
      assertThat(first.peakBytes()).isPositive().isEqualTo(second.peakBytes());
    }
  }

  /** Other settings, sizes, steps and branches; what one remembers does not reach the other. */
  @Test
  void generationsInterleavedCallByCallGiveWhatEachGivesAlone() {
    String taylor =
        """
        cache_config: {Fn_compute_blocks: 1, max_warmup_steps: 3, residual_diff_threshold: 0.4,
                       enable_taylorseer: true}
        """;
    String masked =
        """
        cache_config: {Fn_compute_blocks: 2, Bn_compute_blocks: 1, steps_computation_mask: fast,
                       steps_computation_policy: static, enable_foca: true}
        """;
    String prune =
        "cache_config: {cache_type: DBPrune, Fn_compute_blocks: 1, max_warmup_steps: 2,"
            + " residual_diff_threshold: 0.4}";
    try (GoldenRun run = new GoldenRun(GoldenRun.golden("b000"))) {
      List<Generation> alone = generations(run, taylor, masked, prune);
      alone.forEach(Generation::finish);
      List<Generation> together = generations(run, taylor, masked, prune);
      for (int i = 0; i < 24; i++) {
        together.forEach(Generation::step);
      }
      together.forEach(Generation::finish);
      for (int g = 0; g < alone.size(); g++) {
        Generation one = alone.get(g);
        Generation other = together.get(g);
        assertThat(other.cache.statistics()).isEqualTo(one.cache.statistics());
        assertThat(one.cache.statistics().get(0).conditional().cachedSteps()).isNotEmpty();
        assertThat(other.outs).hasSameSizeAs(one.outs);
        for (int i = 0; i < one.outs.size(); i++) {
          assertThat(other.outs.get(i).hidden().equalTo(one.outs.get(i).hidden())).isTrue();
          assertThat(other.outs.get(i).encoder().equalTo(one.outs.get(i).encoder())).isTrue();
        }
      }
    }
  }

  private static List<Generation> generations(
      GoldenRun run, String taylor, String masked, String prune) {
    return List.of(
        new Generation(run, begin(taylor, "transformer", 12, 2), 12, List.of("cond", "uncond")),
        new Generation(run, begin(masked, "transformer", 10, 1), 10, List.of("pair")),
        new Generation(run, begin(masked, "transformer_2", 8, 1), 8, List.of("cond")),
        new Generation(run, begin(prune, "transformer", 12, 1), 12, List.of("cond")));
  }

  /** One generation that goes on call by call. */
  private static final class Generation {
    private final GoldenRun run;
    private final BlockCache cache;
    private final int steps;
    private final List<String> inputs;
    private final List<Streams> outs = new ArrayList<>();

    /**
     * @param inputs of the calls of a step
     */
    Generation(GoldenRun run, BlockCache cache, int steps, List<String> inputs) {
      this.run = run;
      this.cache = cache;
      this.steps = steps;
      this.inputs = inputs;
    }

    boolean step() {
      int call = outs.size();
      if (call == steps * inputs.size()) {
        return false;
      }
      String input = inputs.get(call % inputs.size());
      outs.add(run.call(cache.runner(), input, call / inputs.size()));
      return true;
    }

    void finish() {
      while (step()) {
        // All calls that are left.
      }
      cache.close();
    }
  }

  /** Groups of two transformers may have one name; masks are laid out for the steps of each. */
  @Test
  void expertsKeepStatesAndStatisticsOfTheirOwn() {
    String yaml = "cache_config: {Fn_compute_blocks: 1, steps_computation_mask: ultra}";
    try (GoldenRun run = new GoldenRun(GoldenRun.golden("b000"));
        BlockCache high = begin(yaml, "transformer", 4, 1);
        BlockCache low = begin(yaml, "transformer_2", 8, 1)) {
      run.calls(high, 4);
      run.calls(low, 8);
      CacheStatistics first = high.statistics().get(0);
      CacheStatistics second = low.statistics().get(0);
      assertThat(first.group()).isEqualTo(second.group()).isEqualTo("blocks");
      assertThat(first.expert()).isEqualTo("transformer");
      assertThat(second.expert()).isEqualTo("transformer_2");
      assertThat(first.config().stepsComputationMask()).hasToString("1101");
      assertThat(second.config().stepsComputationMask()).hasToString("11001001");
    }
  }

  @Test
  void expertsCanBeCachedInOtherWays() {
    String yaml =
        """
        cache_config: {Fn_compute_blocks: 1, max_warmup_steps: 2}
        per_transformer: {transformer: {cache_type: none}, transformer_2: {cache_type: DBPrune}}
        """;
    Acceleration.Factory factory = BlockCache.factory(resolved(yaml), null);
    try (Acceleration high = factory.begin(new Acceleration.Outline("transformer", 4, 1));
        Acceleration low = factory.begin(new Acceleration.Outline("transformer_2", 4, 1));
        Acceleration other = factory.begin(new Acceleration.Outline("transformer_3", 4, 1))) {
      assertThat(high).isNotInstanceOf(BlockCache.class);
      assertThat(low).isInstanceOf(DynamicBlockPrune.class);
      assertThat(other).isInstanceOf(DualBlockCache.class);
    }
  }

  @Test
  void notesTellOfTheSettingsAtOnceAndOfTheRunAfterIt() {
    String yaml =
        "cache_config: {Fn_compute_blocks: 1, max_warmup_steps: 1, residual_diff_threshold: 1e-9}";
    try (GoldenRun run = new GoldenRun(GoldenRun.golden("b000"));
        BlockCache never = begin(yaml, "transformer", 12, 1);
        BlockCache warm = begin("cache_config: {}", "transformer", 8, 1)) {
      assertThat(warm.notes()).singleElement().asString().contains("max_warmup_steps 8");
      assertThat(never.notes()).isEmpty();
      run.calls(never, 12);
      never.close();
      assertThat(never.notes()).singleElement().asString().contains("served no step: the least");
    }
  }

  @Test
  void oneCallPerStepCountsAsOneStepWhateverTheModel() {
    String unset = "cache_config: {Fn_compute_blocks: 1, max_warmup_steps: 3}";
    String separate =
        "cache_config: {Fn_compute_blocks: 1, max_warmup_steps: 3, enable_separate_cfg: true}";
    try (GoldenRun run = new GoldenRun(GoldenRun.golden("b036"))) {
      for (String yaml : List.of(unset, separate)) {
        try (BlockCache cache = begin(yaml, "transformer", 12, 1)) {
          run.calls(cache, 12);
          assertThat(cache.statistics().get(0).executedSteps()).isEqualTo(12);
        }
        try (BlockCache cache = begin(yaml, "transformer", 6, 2)) {
          for (int i = 0; i < 6; i++) {
            run.call(cache, "cond", i);
            run.call(cache, "uncond", i);
          }
          assertThat(cache.statistics().get(0).executedSteps()).isEqualTo(6);
          assertThat(cache.statistics().get(0).transformerExecutedSteps()).isEqualTo(12);
        }
      }
    }
  }
}
