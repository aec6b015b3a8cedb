package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.testing.TensorAssert;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Cached generations of whole pipelines against the reference with the same YAML. */
@ExtendWith(NoLeaks.class)
class CachedPipelineTest {
  private static final double TOLERANCE = 1e-4;

  /** Of a residual difference, relative. */
  private static final double DIFF_TOLERANCE = 1e-5;

  /**
   * The same for FLUX.2, whose differences are smaller beside what is subtracted, so that float32's
   * noise weighs more: up to 1.2e-5. Thresholds are farther away by a factor of 100.
   */
  private static final double FLUX2_DIFF_TOLERANCE = 3e-5;

  /** Closer to the threshold than this, float noise may flip a decision. */
  private static final double LEAST_MARGIN = 0.003;

  @ParameterizedTest
  @ValueSource(strings = {"flux1-dev-tiny", "flux1-schnell-tiny", "flux2-tiny", "flux2-klein-tiny"})
  void everyCachedRunOfTheReferenceIsReproduced(String name) {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      JsonNode runs = f.json().path("cache_runs");
      assertThat(runs.size()).isGreaterThan(0);
      for (var run : runs.properties()) {
        JsonNode golden = run.getValue();
        String call = golden.get("call").stringValue();
        JsonNode arguments =
            f.json().path("calls").has(call)
                ? f.json().path("calls").get(call)
                : f.json().path("call");
        String yaml = golden.get("yaml").stringValue();
        if (run.getKey().equals("interleaved_without_separate_cfg")) {
          yaml += "  enable_separate_cfg: false\n"; // The reference's default for FLUX.
        }
        check(
            run.getKey(),
            engine,
            yaml,
            Requests.given(arguments),
            golden.get("contexts"),
            f.tensor("cache." + run.getKey() + ".final_latents"),
            name.startsWith("flux2") ? FLUX2_DIFF_TOLERANCE : DIFF_TOLERANCE);
      }
    }
  }

  /** Videos: a picture to begin with is a file, transformers have settings of their own. */
  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan22-t2v-tiny", "wan22-ti2v-tiny", "wan21-i2v-tiny"})
  void everyCachedVideoOfTheReferenceIsReproduced(String name, @TempDir Path folder)
      throws Exception {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Values call = Requests.given(f.json().path("call"));
      if (f.has("i2v.image_u8")) {
        Path picture = folder.resolve("first.png");
        PngWriter.write(picture, Requests.picture(f.tensor("i2v.image_u8")), Map.of());
        call = call.with(RequestKeys.IMAGE_PATH, List.of(picture.toString()));
      }
      JsonNode runs = f.json().path("cache");
      assertThat(runs.size()).isGreaterThan(8);
      for (var run : runs.properties()) {
        JsonNode golden = run.getValue();
        check(
            run.getKey(),
            engine,
            withModifiers(golden),
            call,
            golden.get("contexts"),
            f.tensor("cache." + run.getKey() + ".latents"));
      }
    }
  }

  /** The settings of single transformers, in the place where ours stand. */
  private static String withModifiers(JsonNode golden) {
    StringBuilder yaml = new StringBuilder(golden.get("yaml").stringValue());
    JsonNode modifiers = golden.get("modifier_yamls");
    String[] transformers = {"transformer", "transformer_2"};
    for (int i = 0; i < modifiers.size(); i++) {
      yaml.append(i == 0 ? "per_transformer:\n" : "")
          .append("  " + transformers[i] + ":\n")
          .append(
              modifiers
                  .get(i)
                  .stringValue()
                  .replace("cache_config:\n", "")
                  .replaceAll("(?m)^ {2}", "    "));
    }
    return yaml.toString();
  }

  /** Two block groups, which have settings of their own in one run; guided runs of two calls. */
  @Test
  void everyCachedRunOfTwoBlockGroupsIsReproduced() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("hunyuan-video-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Values plain = Requests.given(f.json().path("call"));
      JsonNode runs = f.json().path("cache");
      assertThat(runs.size()).isEqualTo(11);
      for (var run : runs.properties()) {
        JsonNode golden = run.getValue();
        String yaml = Fixture.withBlockGroups(golden);
        if (run.getKey().equals("true_cfg_default")) {
          yaml += "  enable_separate_cfg: false\n"; // The reference's default for this model.
        }
        check(
            run.getKey(),
            engine,
            yaml,
            golden.get("true_cfg").booleanValue() ? Requests.guided(f) : plain,
            golden.get("contexts"),
            f.tensor("cache." + run.getKey() + ".latents"));
      }
    }
  }

  @Test
  void everyConfidentCachedRunOfTheEmbeddedModelIsReproduced() {
    Path folder = Fixture.ROOT.resolve("shapes");
    JsonNode golden = ModelConfig.read(folder.resolve("expected.json")).json();
    int checked = 0;
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile expected = SafeTensorsFile.open(folder.resolve("expected.safetensors"));
        Engine engine = Engine.load(Path.of("models/shapes"), Strategies.cpu())) {
      for (int i = 0; i < golden.get("runs").size(); i++) {
        JsonNode run = golden.get("runs").get(i);
        for (var cached : run.get("cache").properties()) {
          JsonNode margin = cached.getValue().get("relative_threshold_margin");
          if (!margin.isNull() && margin.doubleValue() < LEAST_MARGIN) {
            continue;
          }
          check(
              i + " " + cached.getKey(),
              engine,
              golden.get("configs").get(cached.getKey()).stringValue(),
              run.get("call"),
              cached.getValue().get("contexts"),
              expected.read(i + ".cache." + cached.getKey() + ".latents"));
          checked++;
        }
      }
    }
    assertThat(checked).isGreaterThan(30);
  }

  /** Fixtures of one context, whose runs say what their call has different. */
  @ParameterizedTest
  @ValueSource(strings = {"z-image-turbo-tiny", "qwen-image-tiny"})
  void everyCachedRunOfOneContextIsReproduced(String name) {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      JsonNode runs = f.json().path("cache_runs");
      assertThat(runs.size()).isGreaterThan(0);
      for (var run : runs.properties()) {
        if (run.getKey().equals("no_negative_default")) {
          continue; // The reference counts two calls as one step there; a step is a step here.
        }
        JsonNode golden = run.getValue();
        SettingsFile file =
            SettingsFile.parse(golden.get("yaml").stringValue(), run.getKey(), UnknownKeys.REJECT);
        ResolvedCacheConfig resolved =
            ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
        try (Result result =
            engine.generate(
                Requests.of(f, golden), BlockCache.factory(resolved, null), Progress.NONE)) {
          List<CacheStatistics> statistics =
              StepCache.among(result.accelerations()).get(0).statistics();
          assertThat(statistics).as(run.getKey()).hasSize(1);
          CacheStatistics s = statistics.get(0);
          assertThat(s.group()).isEqualTo(golden.get("contexts").get(0).stringValue());
          checkBranch(run.getKey(), s.conditional(), golden, "", DIFF_TOLERANCE);
          checkBranch(run.getKey(), s.unconditional(), golden, "cfg_", DIFF_TOLERANCE);
          TensorAssert.assertThat(result.latents())
              .as(run.getKey())
              .isCloseTo(f.tensor("cache." + run.getKey() + ".latents"), TOLERANCE);
        }
      }
    }
  }

  /** The reference counts two calls as one step unless {@code enable_separate_cfg} is false. */
  @Test
  void withoutANegativePromptACallIsAStep() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("qwen-image-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      JsonNode golden = f.json().path("cache_runs").path("no_negative_separate_off");
      String yaml = golden.get("yaml").stringValue();
      String silent = yaml.replace("  enable_separate_cfg: false\n", "");
      assertThat(silent).isNotEqualTo(yaml);
      SettingsFile file = SettingsFile.parse(silent, "silent", UnknownKeys.REJECT);
      ResolvedCacheConfig resolved = ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
      try (Result result =
          engine.generate(
              Requests.of(f, golden), BlockCache.factory(resolved, null), Progress.NONE)) {
        CacheStatistics s = StepCache.among(result.accelerations()).get(0).statistics().get(0);
        checkBranch("silent", s.conditional(), golden, "", DIFF_TOLERANCE);
      }
    }
  }

  private static void check(
      String name, Engine engine, String yaml, JsonNode call, JsonNode contexts, Tensor latents) {
    check(name, engine, yaml, Requests.of(call), contexts, latents);
  }

  private static void check(
      String name, Engine engine, String yaml, Values call, JsonNode contexts, Tensor latents) {
    check(name, engine, yaml, call, contexts, latents, DIFF_TOLERANCE);
  }

  /**
   * @param tolerance of residual differences, relative
   */
  private static void check(
      String name,
      Engine engine,
      String yaml,
      Values call,
      JsonNode contexts,
      Tensor latents,
      double tolerance) {
    SettingsFile file = SettingsFile.parse(yaml, name, UnknownKeys.REJECT);
    ResolvedCacheConfig resolved = ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
    try (Result result = engine.generate(call, BlockCache.factory(resolved, null), Progress.NONE)) {
      Map<String, CacheStatistics> statistics = new LinkedHashMap<>();
      for (StepCache cache : StepCache.among(result.accelerations())) {
        for (CacheStatistics s : cache.statistics()) {
          // The videos' contexts are named after the transformer too.
          String video = cache.expert() + "." + s.group();
          statistics.put(contexts.has(video) ? video : s.group(), s);
        }
      }
      assertThat(statistics).as(name).hasSize(contexts.size());
      for (var e : statistics.entrySet()) {
        CacheStatistics s = e.getValue();
        JsonNode expected = contexts.get(e.getKey());
        checkBranch(name, s.conditional(), expected, "", tolerance);
        checkBranch(name, s.unconditional(), expected, "cfg_", tolerance);
        assertThat(s.executedSteps()).isEqualTo(expected.get("executed_steps").intValue());
        assertThat(s.transformerExecutedSteps())
            .isEqualTo(expected.get("transformer_executed_steps").intValue());
      }
      TensorAssert.assertThat(result.latents()).as(name).isCloseTo(latents, TOLERANCE);
    }
  }

  private static void checkBranch(
      String name,
      CacheStatistics.Branch found,
      JsonNode expected,
      String prefix,
      double tolerance) {
    assertThat(found.cachedSteps())
        .as(name)
        .isEqualTo(CachingFixtures.integers(expected.get(prefix + "cached_steps")));
    JsonNode diffs = expected.get(prefix + "residual_diffs");
    assertThat(found.residualDiffs()).as(name).hasSize(diffs.size());
    for (var e : diffs.properties()) {
      assertThat(found.residualDiffs().get(Integer.valueOf(e.getKey())).get(0))
          .as(name + " step " + e.getKey())
          .isCloseTo(
              CachingFixtures.number(e.getValue()),
              Offset.offset(tolerance * CachingFixtures.number(e.getValue())));
    }
  }
}
