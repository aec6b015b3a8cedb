package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.config.ConfigException;
import io.jdit.tensor.DType;
import io.jdit.tensor.LeakDetector;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
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
class CacheRunnerTest {
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
    CacheSettings settings = CachingFixtures.settings(golden.get("config"));
    JsonNode calibrator = golden.get("calibrator");
    return group -> {
      JsonNode modifier =
          golden.has("modifiers") ? golden.get("modifiers").get(group) : golden.path("none");
      CacheSettings own =
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
                golden.path("calibrator_cache_type").asString("residual").toUpperCase()));
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
    private final CacheRunner runner;
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
              ? new DynamicBlockPrune(configs(golden), null)
              : new DualBlockCache(configs(golden), null);
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

  @Test
  void aSecondGenerationEqualsTheFirst() {
    try (Run run = new Run(golden("b025"))) {
      run.runner.beginGeneration(12, 1);
      run.all();
      run.runner.endGeneration();
      CacheStatistics first = run.runner.statistics().get(0);
      List<Tensor> before = List.copyOf(run.hidden);
      run.hidden.clear();
      run.runner.beginGeneration(12, 1);
      run.all();
      for (int i = 0; i < before.size(); i++) {
        assertThat(run.hidden.get(i).equalTo(before.get(i))).as("call " + i).isTrue();
      }
      assertThat(run.runner.statistics().get(0)).isEqualTo(first);
      assertThat(first.conditional().cachedSteps()).isNotEmpty();
    }
  }

  @Test
  void oneCallPerStepCountsAsOneStepWhateverTheModel() {
    try (Run run = new Run(golden("b036"))) {
      CacheSettings unset =
          CacheSettings.empty()
              .with(CacheField.FN_COMPUTE_BLOCKS, 1)
              .with(CacheField.MAX_WARMUP_STEPS, 3);
      try (DualBlockCache runner = new DualBlockCache(g -> CacheConfig.of(unset), null)) {
        runner.beginGeneration(12, 1);
        for (int i = 0; i < 12; i++) {
          run.call(runner, "cond", i);
        }
        assertThat(runner.statistics().get(0).executedSteps()).isEqualTo(12);
        runner.beginGeneration(6, 2);
        for (int i = 0; i < 6; i++) {
          run.call(runner, "cond", i);
          run.call(runner, "uncond", i);
        }
        assertThat(runner.statistics().get(0).executedSteps()).isEqualTo(6);
        assertThat(runner.statistics().get(0).transformerExecutedSteps()).isEqualTo(12);
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
        MeteredRunner meter = new MeteredRunner(new DualBlockCache(configs(golden), null))) {
      meter.beginGeneration(12, 1);
      for (int i = 0; i < 12; i++) {
        run.call(meter, "cond", i);
      }
      int cached = golden.get("stats").get(0).get("cached_steps").size();
      assertThat(meter.blockShare())
          .isEqualTo((12 * 6 - cached * 4) / (12.0 * 6), Offset.offset(1e-12));
      meter.use(BlockRunner.direct());
      meter.beginGeneration(1, 1);
      run.call(meter, "cond", 0);
      assertThat(meter.blockShare()).isEqualTo(1);
    }
  }

  @Test
  void switchedOffIsTheDirectRunner() {
    ResolvedCacheConfig off = ResolvedCacheConfig.resolve(null, Map.of(), CacheFlags.none());
    try (Run run = new Run(golden("b000"));
        BlockRunner runner = CacheRunner.of(off, null)) {
      Streams direct = run.call(BlockRunner.direct(), "cond", 3);
      Streams cached = run.call(runner, "cond", 3);
      assertThat(cached.hidden().equalTo(direct.hidden())).isTrue();
      assertThat(cached.encoder().equalTo(direct.encoder())).isTrue();
    }
  }

  /** Calls that only warm up give the bits of the uncached network. */
  @Test
  void warmupChangesNothing() {
    CacheSettings warm =
        CacheSettings.empty()
            .with(CacheField.FN_COMPUTE_BLOCKS, 2)
            .with(CacheField.BN_COMPUTE_BLOCKS, 1)
            .with(CacheField.MAX_WARMUP_STEPS, 100);
    try (Run run = new Run(golden("b000"));
        DualBlockCache runner = new DualBlockCache(g -> CacheConfig.of(warm), null)) {
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
    CacheSettings always =
        CacheSettings.empty()
            .with(CacheField.FN_COMPUTE_BLOCKS, 1)
            .with(CacheField.MAX_WARMUP_STEPS, 1)
            .with(CacheField.RESIDUAL_DIFF_THRESHOLD, 1.0);
    try (Run run = new Run(golden("b000"));
        DualBlockCache runner = new DualBlockCache(g -> CacheConfig.of(always), null)) {
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
      CacheSettings settings =
          CacheSettings.empty()
              .with(CacheField.FN_COMPUTE_BLOCKS, 1)
              .with(CacheField.MAX_WARMUP_STEPS, 12)
              .with(CacheField.WARMUP_INTERVAL, 2)
              .with(CacheField.RESIDUAL_DIFF_THRESHOLD, 2.0);
      try (Run run = new Run(golden("b000"));
          DualBlockCache runner =
              new DualBlockCache(g -> CacheConfig.of(settings).withCalibrator(calibrator), null)) {
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
        runner.endGeneration();
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
