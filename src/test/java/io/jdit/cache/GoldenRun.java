package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.config.Values;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import tools.jackson.databind.JsonNode;

/** One case of the six-block network's golden data: its calls through a runner, outputs kept. */
final class GoldenRun implements AutoCloseable {
  private static final JsonNode GOLDEN = CachingFixtures.json("caching/blocks.json");

  private final JsonNode golden;
  private final SafeTensorsFile file;
  private final TensorScope scope;
  private final Map<String, Tensor> tensors = new HashMap<>();
  private final DType dtype;
  private final TinyTransformer transformer;
  private final BlockCache runner;
  private final List<Tensor> hidden = new ArrayList<>();
  private final List<Tensor> encoder = new ArrayList<>();
  private final List<StringBuilder> cached = new ArrayList<>();

  GoldenRun(JsonNode golden) {
    this.golden = golden;
    dtype = CachingFixtures.dtype(golden);
    boolean prune = golden.get("config").path("cache_type").asString("").equals("DBPrune");
    runner =
        prune
            ? new DynamicBlockPrune("transformer", configs(golden), null)
            : new DualBlockCache("transformer", configs(golden), null);
    // Not before the configuration was taken: nothing would close them.
    file = SafeTensorsFile.open(Fixture.ROOT.resolve("caching/blocks.safetensors"));
    scope = TensorScope.open();
    transformer = new TinyTransformer(golden.get("pattern").asString(), n -> tensor("weight." + n));
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

  /** Calls of one branch, step by step. */
  List<Streams> calls(BlockRunner with, int count) {
    List<Streams> outs = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      outs.add(call(with, "cond", i));
    }
    return outs;
  }

  int takeBlocksRun() {
    return transformer.takeBlocksRun();
  }

  /** For each call of the first group, 1 where it was cached and 0 where not. */
  String cached() {
    return cached.get(0).toString();
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

  static Stream<JsonNode> cases() {
    return GOLDEN.get("cases").valueStream();
  }

  static JsonNode golden(String id) {
    return cases().filter(c -> c.get("id").stringValue().equals(id)).findFirst().orElseThrow();
  }

  /** Settings of each group of blocks. */
  static IntFunction<CacheConfig> configs(JsonNode golden) {
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
}
