package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.CacheStatistics;
import io.jdit.cache.RankSum;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Whole generations of Qwen-Image and Z-Image on several ranks, with caches. */
@ExtendWith(NoLeaks.class)
class QwenImageFilesTest {
  private static final double TOLERANCE = 1e-4;
  private static final int HEADS = 4; // of both models

  /**
   * The parallelism of a published file, with the settings and the results of a cached run of the
   * reference.
   */
  @ParameterizedTest
  @CsvSource({
    "parallel_2d, 4, f2b1_taylor2",
    "parallel_3d, 8, f1b0",
    "parallel_uaa, 4, max_continuous2",
    "parallel_async, 4, f2b1_taylor1",
    "parallel_extra, 4, scm_medium_dynamic"
  })
  void parallelFilesWithACacheGiveWhatTheReferenceGives(String name, int ranks, String cache) {
    check("qwen-image-tiny", ranks, layout(file(name)), cache);
  }

  /** Other meshes, by flags; those of cfg have a guidance branch on half of the ranks. */
  @ParameterizedTest
  @CsvSource({
    "qwen-image-tiny, false, 2, 2, 1, f1b0",
    "qwen-image-tiny, true, 1, 2, 2, separate_cfg_shared_diff",
    "z-image-turbo-tiny, false, 1, 2, 2, f1b0"
  })
  void meshesWithACacheGiveWhatTheReferenceGives(
      String name, boolean cfg, int ring, int ulysses, int tp, String cache) {
    Values layout =
        Values.of(ParallelKeys.CFG_PARALLEL, cfg)
            .with(ParallelKeys.RING, ring)
            .with(ParallelKeys.ULYSSES, ulysses)
            .with(ParallelKeys.TP, tp);
    check(name, (cfg ? 2 : 1) * ring * ulysses * tp, layout, cache);
  }

  /** The cache of the file with and without its layout, over the 28 steps that it is made for. */
  @Test
  void theHybridFileGivesThePictureOfOneProcess() {
    SettingsFile hybrid = file("hybrid");
    Path pipeline = Fixture.ROOT.resolve("qwen-image-tiny/pipeline");
    Values request =
        Requests.small("A beautiful sunset over the mountains", 64, 64, 28, 512)
            .with(RequestKeys.NEGATIVE_PROMPT, "blurry");
    try (Engine engine = Engine.load(pipeline, Strategies.cpu());
        Result one = engine.generate(request, cache(file("cache"), null), Progress.NONE)) {
      List<Integer> cached = statistics(one).conditional().cachedSteps();
      Assertions.assertThat(cached).isNotEmpty();
      LocalWorld.run(
          4,
          world -> {
            try (ParallelModel parallel = parallel(layout(hybrid), world);
                Engine engines = Engine.load(pipeline, parallel.apply(Strategies.cpu()));
                Result r = engines.generate(request, cache(hybrid, parallel), Progress.NONE)) {
              Assertions.assertThat(parallel.config().modules()).hasSize(2);
              assertThat(r.latents()).isCloseTo(one.latents(), TOLERANCE);
              Assertions.assertThat(statistics(r).conditional().cachedSteps()).isEqualTo(cached);
            }
          });
    }
  }

  /** Rounded as the bytes that travel are: the same picture, not the same numbers. */
  @Test
  void float8GivesThePictureOfOneProcess() {
    Values layout = layout(file("parallel_fp8"));
    LocalWorld.run(
        2,
        world -> {
          try (TensorScope scope = TensorScope.open();
              Fixture f = new Fixture("qwen-image-tiny");
              ParallelModel parallel = parallel(layout, world);
              Engine engine = Engine.load(f.pipeline(), parallel.apply(Strategies.cpu()));
              Result r = engine.generate(Requests.of(f, f.json()))) {
            Tensor expected = f.tensor("latents_step15");
            assertThat(r.latents()).hasPsnrAbove(35, expected);
            Assertions.assertThat(r.latents().toBytes()).isNotEqualTo(expected.toBytes());
          }
        });
  }

  private static SettingsFile file(String name) {
    return SettingsFile.read(Fixture.ROOT.resolve("public-configs").resolve(name + ".yaml"));
  }

  private static Values layout(SettingsFile file) {
    return ParallelSection.read(
        file.section(SettingsFile.PARALLELISM), file.place(SettingsFile.PARALLELISM));
  }

  private static ParallelModel parallel(Values layout, ProcessGroup world) {
    ParallelConfig config = new LayoutSettings(layout).choose(world.size(), HEADS).config();
    return new ParallelModel(config, world, new FusedAttention());
  }

  private static void check(String name, int ranks, Values layout, String cache) {
    LocalWorld.run(
        ranks,
        world -> {
          try (TensorScope scope = TensorScope.open();
              Fixture f = new Fixture(name)) {
            JsonNode golden = f.json().path("cache_runs").path(cache);
            SettingsFile file =
                SettingsFile.parse(golden.path("yaml").asString(), cache, UnknownKeys.REJECT);
            try (ParallelModel parallel = parallel(layout, world);
                Engine engine = Engine.load(f.pipeline(), parallel.apply(Strategies.cpu()));
                Result r =
                    engine.generate(Requests.of(f, golden), cache(file, parallel), Progress.NONE)) {
              assertThat(r.latents()).isCloseTo(f.tensor("cache." + cache + ".latents"), TOLERANCE);
              CacheStatistics s = StepCache.among(r.accelerations()).get(0).statistics().get(0);
              Assertions.assertThat(s.conditional().cachedSteps().toString())
                  .isEqualTo(golden.path("cached_steps").toString().replace(",", ", "))
                  .isNotEqualTo("[]");
            }
          }
        });
  }

  private static CacheStatistics statistics(Result r) {
    return StepCache.among(r.accelerations()).get(0).statistics().get(0);
  }

  /**
   * @param parallel null for one process
   */
  private static Acceleration.Factory cache(SettingsFile file, ParallelModel parallel) {
    ResolvedCacheConfig cache = ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
    RankSum shared =
        parallel == null
            ? null
            : cache.config().cfgDiffComputeSeparate()
                ? parallel::sampleSum
                : parallel::firstBranchSum;
    return BlockCache.factory(cache, shared);
  }
}
