package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.config.ConfigException;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.tensor.DType;
import io.jdit.tensor.LeakDetector;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/** Whole runners on the six-block network: decisions, differences and outputs of the reference. */
@ExtendWith(NoLeaks.class)
class BlockCacheTest {
  private static final JsonNode GOLDEN = CachingFixtures.json("caching/blocks.json");

  /** The reference runs overlapping blocks twice; ours rejects F + B beyond the list. */
  private static final Set<String> REJECTED =
      Set.of(
          "f4b4",
          "f6b6",
          "fn_too_large",
          "bn_too_large",
          "fn_zero",
          "two_lists_fn_larger_than_list");

  /** The reference fails; ours computes what it cannot cache. */
  private static final Set<String> REPAIRED =
      Set.of("scm_static_starts_cached", "prune_pattern3", "prune_pattern4", "prune_shared_diff");

  @TestFactory
  Stream<DynamicTest> goldenCases() {
    return GOLDEN
        .get("cases")
        .valueStream()
        .map(
            c ->
                DynamicTest.dynamicTest(
                    c.get("id").stringValue()
                        + " "
                        + c.get("name").stringValue()
                        + " pattern "
                        + c.get("pattern").asString(),
                    () -> checkCase(c)));
  }

  private static void checkCase(JsonNode golden) {
    String name = golden.get("name").stringValue();
    if (REJECTED.contains(name)) {
      assertThatThrownBy(
              () -> {
                try (Run run = new Run(golden)) {
                  run.all();
                }
              })
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("_compute_blocks");
      return;
    }
    assertThat(golden.has("error")).isEqualTo(REPAIRED.contains(name));
    try (Run run = new Run(golden)) {
      run.all();
      if (!golden.has("error")) {
        run.checkOutputs(golden.get("calls").size());
        run.checkStatistics();
      } else if (golden.get("error").get("call").intValue() > 0) {
        run.checkOutputs(golden.get("error").get("call").intValue());
      }
    }
  }

  private static IntFunction<CacheConfig> configs(JsonNode golden) {
    Values settings = CachingFixtures.settings(golden.get("config"));
    JsonNode calibrator = golden.get("calibrator");
    return group -> {
      JsonNode modifier =
          golden.has("modifiers") ? golden.get("modifiers").get(group) : golden.path("none");
      Values own =
          modifier.has("config")
              ? CachingFixtures.settings(modifier.get("config")).over(settings)
              : settings;
      CacheConfig config =
          CacheConfig.of(own)
              .withCalibrator(
                  calibrator(modifier.has("calibrator") ? modifier.get("calibrator") : calibrator));
      return golden.has("extra") ? config.withSimilarity(similarity(golden.get("extra"))) : config;
    };
  }

  private static CacheConfig.Similarity similarity(JsonNode extra) {
    return new CacheConfig.Similarity(
        CachingFixtures.number(extra.get("l1_hidden_states_diff_threshold")),
        extra.path("important_condition_threshold").asDouble(0),
        extra.path("downsample_factor").asInt(1));
  }

  private static CalibratorConfig calibrator(JsonNode golden) {
    if (golden == null) {
      return null;
    }
    var coverage =
        new CalibratorConfig.Coverage(
            golden.path("enable_calibrator").asBoolean(true),
            golden.path("enable_encoder_calibrator").asBoolean(true),
            BufferKind.valueOf(
                golden
                    .path("calibrator_cache_type")
                    .asString("residual")
                    .toUpperCase(Locale.ROOT)));
    return switch (golden.get("kind").stringValue()) {
      case "taylorseer" ->
          new CalibratorConfig.TaylorSeer(coverage, golden.get("taylorseer_order").intValue());
      case "foca" -> new CalibratorConfig.FoCa(coverage);
      case "dmd" ->
          new CalibratorConfig.Dmd(
              coverage, 6, 0, 1e-8, SvdPrecision.MEDIUM, CalibratorConfig.Dmd.Fallback.REFERENCE);
      default -> throw new AssertionError(golden);
    };
  }

  /** One case: its calls through a runner, outputs kept. */
  private static final class Run implements AutoCloseable {
    private final JsonNode golden;
    private final SafeTensorsFile file =
        SafeTensorsFile.open(Fixture.ROOT.resolve("caching/blocks.safetensors"));
    private final TensorScope scope = TensorScope.open();
    private final Map<String, Tensor> tensors = new HashMap<>();
    private final DType dtype;
    private final TinyTransformer transformer;
    private final BlockCache runner;
    private final List<Tensor> hidden = new ArrayList<>();
    private final List<Tensor> encoder = new ArrayList<>();
    private final List<StringBuilder> cached = new ArrayList<>();

    Run(JsonNode golden) {
      this.golden = golden;
      dtype = CachingFixtures.dtype(golden);
      transformer =
          new TinyTransformer(golden.get("pattern").asString(), n -> tensor("weight." + n));
      boolean prune = golden.get("config").path("cache_type").asString("").equals("DBPrune");
      runner =
          prune
              ? new DynamicBlockPrune("transformer", configs(golden), null)
              : new DualBlockCache("transformer", configs(golden), null);
      transformer.groups().forEach(g -> cached.add(new StringBuilder()));
    }

    private Tensor tensor(String name) {
      return tensors.computeIfAbsent(name, n -> scope.adopt(file.read(n).to(dtype)));
    }

    void all() {
      for (JsonNode call : golden.get("calls")) {
        String[] setAndStep = call.stringValue().split(":");
        Streams out = call(runner, setAndStep[0], Integer.parseInt(setAndStep[1]));
        hidden.add(out.hidden());
        if (out.encoder() != null) {
          encoder.add(out.encoder());
        }
        for (int g = 0; g < cached.size(); g++) {
          cached.get(g).append(wasCached(runner.statistics().get(g)) ? 1 : 0);
        }
      }
    }

    Streams call(BlockRunner with, String set, int step) {
      return transformer.call(
          with,
          tensor("input.h." + set).select(0, step),
          tensor("input.e." + set).select(0, step),
          tensor("input.temb." + set).select(0, step));
    }

    private static boolean wasCached(CacheStatistics s) {
      boolean odd = s.transformerExecutedSteps() % 2 == 0;
      boolean cfg = s.config().separateCfg() && odd != s.config().cfgComputeFirst();
      var branch = cfg ? s.unconditional() : s.conditional();
      return branch.cachedSteps().contains(s.executedSteps() - 1);
    }

    void checkOutputs(int calls) {
      String id = golden.get("id").stringValue();
      check(hidden.subList(0, calls), "output." + id + ".h");
      if (golden.get("pattern").asString().equals("3")) {
        assertThat(file.info("output." + id + ".e")).isNull();
      } else if (file.info("output." + id + ".e") != null) {
        check(encoder.subList(0, calls), "output." + id + ".e");
      }
    }

    private void check(List<Tensor> found, String name) {
      double[] expected = file.read(name).toDoubles();
      double[] actual = Tensor.stack(0, found.toArray(Tensor[]::new)).toDoubles();
      assertThat(actual).as(name).hasSameSizeAs(expected);
      for (int i = 0; i < actual.length; i++) {
        assertThat(actual[i]).as("%s[%d]", name, i).isCloseTo(expected[i], tolerance());
      }
    }

    /** Section 18 of the specification. */
    private Offset<Double> tolerance() {
      return Offset.offset(
          switch (dtype) {
            case FLOAT64 -> 1e-12;
            case BFLOAT16 -> 0.05;
            default -> 1e-5;
          });
    }

    void checkStatistics() {
      for (int g = 0; g < golden.get("stats").size(); g++) {
        JsonNode expected = golden.get("stats").get(g);
        CacheStatistics found = runner.statistics().get(g);
        assertThat(cached.get(g)).hasToString(expected.get("cached").stringValue());
        assertThat(found.conditional().cachedSteps())
            .isEqualTo(CachingFixtures.integers(expected.get("cached_steps")));
        assertThat(found.unconditional().cachedSteps())
            .isEqualTo(CachingFixtures.integers(expected.get("cfg_cached_steps")));
        checkDiffs(found.conditional(), expected.get("residual_diffs"));
        checkDiffs(found.unconditional(), expected.get("cfg_residual_diffs"));
        if (expected.has("pruned_per_call")) {
          List<Integer> pruned = new ArrayList<>(found.conditional().prunedBlocks());
          List<Integer> ofCfg = found.unconditional().prunedBlocks();
          for (int i = 0; i < ofCfg.size(); i++) {
            pruned.add(2 * i + 1, ofCfg.get(i));
          }
          assertThat(pruned).isEqualTo(CachingFixtures.integers(expected.get("pruned_per_call")));
        }
      }
    }

    private void checkDiffs(CacheStatistics.Branch found, JsonNode expected) {
      assertThat(found.residualDiffs()).hasSize(expected.size());
      for (var e : expected.properties()) {
        List<Double> wanted =
            e.getValue().isArray()
                ? e.getValue().valueStream().map(CachingFixtures::number).toList()
                : List.of(CachingFixtures.number(e.getValue()));
        List<Double> diffs = found.residualDiffs().get(Integer.valueOf(e.getKey()));
        assertThat(diffs).as("step " + e.getKey()).hasSameSizeAs(wanted);
        for (int i = 0; i < wanted.size(); i++) {
          assertThat(diffs.get(i)).isCloseTo(wanted.get(i), tolerance());
        }
      }
    }

    @Override
    public void close() {
      runner.close();
      scope.close();
      file.close();
    }
  }

  private static JsonNode golden(String id) {
    return GOLDEN
        .get("cases")
        .valueStream()
        .filter(c -> c.get("id").stringValue().equals(id))
        .findFirst()
        .orElseThrow();
  }

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
    JsonNode golden = golden("b025");
    Acceleration.Factory factory =
        outline ->
            new DualBlockCache(
                outline.expert(),
                g -> configs(golden).apply(g).forGeneration(outline.steps(), outline.calls()),
                null);
    try (Run run = new Run(golden);
        BlockCache first = (BlockCache) factory.begin(outline(12, 1));
        BlockCache second = (BlockCache) factory.begin(outline(12, 1))) {
      List<Streams> before = calls(run, first, 12);
      first.close();
      List<Streams> after = calls(run, second, 12);
      for (int i = 0; i < before.size(); i++) {
        assertThat(after.get(i).hidden().equalTo(before.get(i).hidden())).as("call " + i).isTrue();
      }
      assertThat(second.statistics()).isEqualTo(first.statistics());
      assertThat(first.statistics().get(0).conditional().cachedSteps()).isNotEmpty();
      assertThat(first.peakBytes()).isPositive().isEqualTo(second.peakBytes());
    }
  }

  private static List<Streams> calls(Run run, BlockRunner runner, int count) {
    List<Streams> outs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      outs.add(run.call(runner, "cond", i));
    }
    return outs;
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
    try (Run run = new Run(golden("b000"))) {
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

  private static List<Generation> generations(Run run, String taylor, String masked, String prune) {
    return List.of(
        new Generation(run, begin(taylor, "transformer", 12, 2), 12, List.of("cond", "uncond")),
        new Generation(run, begin(masked, "transformer", 10, 1), 10, List.of("pair")),
        new Generation(run, begin(masked, "transformer_2", 8, 1), 8, List.of("cond")),
        new Generation(run, begin(prune, "transformer", 12, 1), 12, List.of("cond")));
  }

  /** One generation that goes on call by call. */
  private static final class Generation {
    private final Run run;
    private final BlockCache cache;
    private final int steps;
    private final List<String> inputs;
    private final List<Streams> outs = new ArrayList<>();

    /**
     * @param inputs of the calls of a step
     */
    Generation(Run run, BlockCache cache, int steps, List<String> inputs) {
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
    try (Run run = new Run(golden("b000"));
        BlockCache high = begin(yaml, "transformer", 4, 1);
        BlockCache low = begin(yaml, "transformer_2", 8, 1)) {
      calls(run, high, 4);
      calls(run, low, 8);
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
    try (Run run = new Run(golden("b000"));
        BlockCache never = begin(yaml, "transformer", 12, 1);
        BlockCache warm = begin("cache_config: {}", "transformer", 8, 1)) {
      assertThat(warm.notes()).singleElement().asString().contains("max_warmup_steps 8");
      assertThat(never.notes()).isEmpty();
      calls(run, never, 12);
      never.close();
      assertThat(never.notes()).singleElement().asString().contains("served no step: the least");
    }
  }

  @Test
  void oneCallPerStepCountsAsOneStepWhateverTheModel() {
    String unset = "cache_config: {Fn_compute_blocks: 1, max_warmup_steps: 3}";
    String separate =
        "cache_config: {Fn_compute_blocks: 1, max_warmup_steps: 3, enable_separate_cfg: true}";
    try (Run run = new Run(golden("b036"))) {
      for (String yaml : List.of(unset, separate)) {
        try (BlockCache cache = begin(yaml, "transformer", 12, 1)) {
          calls(run, cache, 12);
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

  @Test
  void cachedCallsRunOnlyTheOuterBlocks() {
    try (Run run = new Run(golden("b010"))) {
      run.all();
      int perCall = 0;
      String cached = run.cached.get(0).toString();
      for (char c : cached.toCharArray()) {
        perCall += c == '1' ? 2 : TinyTransformer.BLOCKS;
      }
      assertThat(run.transformer.takeBlocksRun()).isEqualTo(perCall);
    }
  }

  @Test
  void theMeterCountsTheBlocksThatRan() {
    JsonNode golden = golden("b010");
    try (Run run = new Run(golden);
        MeteredAcceleration meter =
            new MeteredAcceleration(new DualBlockCache("transformer", configs(golden), null))) {
      calls(run, meter.runner(), 12);
      int cached = golden.get("stats").get(0).get("cached_steps").size();
      assertThat(meter.blockShare())
          .isEqualTo((12 * 6 - cached * 4) / (12.0 * 6), Offset.offset(1e-12));
      MeteredAcceleration direct =
          new MeteredAcceleration(Acceleration.none().begin(outline(1, 1)));
      run.call(direct.runner(), "cond", 0);
      assertThat(direct.blockShare()).isEqualTo(1);
    }
  }

  @Test
  void switchedOffIsTheDirectRunner() {
    ResolvedCacheConfig off = ResolvedCacheConfig.resolve(null, Map.of(), CacheFlags.none());
    try (Run run = new Run(golden("b000"));
        Acceleration none = BlockCache.factory(off, null).begin(outline(1, 1))) {
      Streams direct = run.call(BlockRunner.direct(), "cond", 3);
      Streams cached = run.call(none.runner(), "cond", 3);
      assertThat(cached.hidden().equalTo(direct.hidden())).isTrue();
      assertThat(cached.encoder().equalTo(direct.encoder())).isTrue();
    }
  }

  /** Calls that only warm up give the bits of the uncached network. */
  @Test
  void warmupChangesNothing() {
    Values warm =
        Values.none()
            .with(CacheKeys.FN_COMPUTE_BLOCKS, 2)
            .with(CacheKeys.BN_COMPUTE_BLOCKS, 1)
            .with(CacheKeys.MAX_WARMUP_STEPS, 100);
    try (Run run = new Run(golden("b000"));
        DualBlockCache runner =
            new DualBlockCache("transformer", g -> CacheConfig.of(warm), null)) {
      for (int i = 0; i < 12; i++) {
        Streams direct = run.call(BlockRunner.direct(), "cond", i);
        Streams cached = run.call(runner, "cond", i);
        assertThat(cached.hidden().equalTo(direct.hidden())).isTrue();
        assertThat(cached.encoder().equalTo(direct.encoder())).isTrue();
      }
    }
  }

  /** A threshold of 1 would cache across a change of shape; the runner computes instead. */
  @Test
  void aChangedShapeIsComputed() {
    Values always =
        Values.none()
            .with(CacheKeys.FN_COMPUTE_BLOCKS, 1)
            .with(CacheKeys.MAX_WARMUP_STEPS, 1)
            .with(CacheKeys.RESIDUAL_DIFF_THRESHOLD, 1.0);
    try (Run run = new Run(golden("b000"));
        DualBlockCache runner =
            new DualBlockCache("transformer", g -> CacheConfig.of(always), null)) {
      run.call(runner, "cond", 0);
      run.transformer.takeBlocksRun();
      run.call(runner, "cond", 1);
      assertThat(run.transformer.takeBlocksRun()).isEqualTo(1);
      run.call(runner, "pair", 2);
      assertThat(run.transformer.takeBlocksRun()).isEqualTo(TinyTransformer.BLOCKS);
      run.call(runner, "pair", 3);
      assertThat(run.transformer.takeBlocksRun()).isEqualTo(1);
    }
  }

  @Test
  void buffersDoNotGrowWithTheSteps() {
    var calibrators =
        Stream.of("taylorseer", "foca", "dmd").map(kind -> calibratorOfKind(kind)).toList();
    for (CalibratorConfig calibrator : calibrators) {
      Values settings =
          Values.none()
              .with(CacheKeys.FN_COMPUTE_BLOCKS, 1)
              .with(CacheKeys.MAX_WARMUP_STEPS, 12)
              .with(CacheKeys.WARMUP_INTERVAL, 2)
              .with(CacheKeys.RESIDUAL_DIFF_THRESHOLD, 2.0);
      try (Run run = new Run(golden("b000"));
          DualBlockCache runner =
              new DualBlockCache(
                  "transformer", g -> CacheConfig.of(settings).withCalibrator(calibrator), null)) {
        long before = LeakDetector.live();
        long early = 0;
        for (int i = 0; i < 40; i++) {
          try (TensorScope call = TensorScope.open()) {
            run.call(runner, "cond", i % 12);
          }
          long live = LeakDetector.live() - before;
          early = i < 20 ? Math.max(early, live) : early;
          assertThat(live).isLessThanOrEqualTo(i < 20 ? Long.MAX_VALUE : early);
        }
        runner.close();
      }
    }
  }

  private static CalibratorConfig calibratorOfKind(String kind) {
    var coverage = CalibratorConfig.Coverage.BOTH;
    return switch (kind) {
      case "taylorseer" -> new CalibratorConfig.TaylorSeer(coverage, 2);
      case "foca" -> new CalibratorConfig.FoCa(coverage);
      default ->
          new CalibratorConfig.Dmd(
              coverage, 6, 0, 1e-8, SvdPrecision.MEDIUM, CalibratorConfig.Dmd.Fallback.REFERENCE);
    };
  }
}
