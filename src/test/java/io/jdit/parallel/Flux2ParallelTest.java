package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.CacheStatistics;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.family.flux2.Flux2Config;
import io.jdit.family.flux2.Flux2Inputs;
import io.jdit.family.flux2.Flux2Transformer;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Grid;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** FLUX.2 on several ranks, with reference pictures, with caches and with both. */
@ExtendWith(NoLeaks.class)
class Flux2ParallelTest {
  private static final double TOLERANCE = 1e-4;

  private static ParallelConfig layout(int cfg, int ring, int ulysses, int tp) {
    return ParallelConfig.of(new Mesh(1, cfg, ring, ulysses, tp));
  }

  /**
   * The first step of the reference, and a call with two reference pictures, whose 35 and 9 tokens
   * no part count divides, against one process.
   */
  @ParameterizedTest
  @CsvSource({
    "flux2-tiny, 1, 2, 1, false",
    "flux2-tiny, 1, 2, 1, true",
    "flux2-tiny, 2, 1, 1, false",
    "flux2-tiny, 1, 1, 2, false",
    "flux2-klein-tiny, 1, 2, 2, false"
  })
  void aCallOfTheTransformer(String name, int ring, int ulysses, int tp, boolean async) {
    ParallelConfig config = layout(1, ring, ulysses, tp).withAsync(async);
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      Flux2Transformer alone = model(f, weights, Strategies.cpu());
      Tensor pictured = alone.forward(withPictures(f, alone), BlockRunner.direct());
      LocalWorld.run(
          ring * ulysses * tp,
          world -> {
            try (TensorScope owner = TensorScope.unbound();
                ParallelModel parallel = new ParallelModel(config, world, new FusedAttention())) {
              Flux2Transformer model = model(f, owner, parallel.apply(Strategies.cpu()));
              assertThat(model.forward(inputs(f, model, null), BlockRunner.direct()))
                  .isCloseTo(f.tensor("transformer_out.step0"), TOLERANCE);
              assertThat(model.forward(withPictures(f, model), BlockRunner.direct()))
                  .as("with pictures")
                  .isCloseTo(pictured, TOLERANCE);
            }
          });
    }
  }

  private static Flux2Inputs withPictures(Fixture f, Flux2Transformer model) {
    try (Generator noise = new Generator(7)) {
      return inputs(f, model, noise.randn(DType.FLOAT32, 1, 35 + 9, 16));
    }
  }

  private static Flux2Inputs inputs(Fixture f, Flux2Transformer model, Tensor pictures) {
    Tensor text = f.tensor("prompt_embeds");
    Grid grid = new Grid(4, 6);
    List<Grid> grids =
        pictures == null ? List.of(grid) : List.of(grid, new Grid(5, 7), new Grid(3, 3));
    return new Flux2Inputs(
        f.tensor("latents_init"),
        pictures,
        text,
        f.tensor("step0.in.timestep"),
        f.has("step0.in.guidance") ? f.tensor("step0.in.guidance") : null,
        model.rotary((int) text.size(1), grids));
  }

  private static Flux2Transformer model(Fixture f, TensorScope owner, Strategies s) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        owner,
        w ->
            new Flux2Transformer(
                Flux2Config.read(f.config("transformer")),
                w,
                s.linears("transformer"),
                s.attention(),
                s.sequence()));
  }

  /**
   * Whole generations against the reference's on one device: both contexts, both branches. The text
   * encoders are shared out too, where two ranks can share their two heads of keys.
   */
  @ParameterizedTest
  @CsvSource({
    "flux2-tiny, 1, 1, 2, 1, f4b0",
    "flux2-tiny, 1, 2, 1, 1, f2b1_taylor1",
    "flux2-klein-tiny, 1, 1, 1, 2, max_continuous_2",
    "flux2-tiny, 1, 2, 2, 1, f1b0_default",
    "flux2-klein-tiny, 2, 1, 1, 1, f1b0_default",
    "flux2-klein-tiny, 2, 1, 2, 1, f2b1_taylor1"
  })
  void cachedGenerationsEqualTheReference(
      String name, int cfg, int ring, int ulysses, int tp, String cache) {
    LocalWorld.run(
        cfg * ring * ulysses * tp,
        world -> {
          try (Fixture f = new Fixture(name);
              ParallelModel parallel =
                  new ParallelModel(
                      layout(cfg, ring, ulysses, tp)
                          .withModules(Set.of(ParallelConfig.TEXT_ENCODER)),
                      world,
                      new FusedAttention());
              Engine engine = Engine.load(f.pipeline(), parallel.apply(Strategies.cpu()))) {
            JsonNode golden = f.json().path("cache_runs").path(cache);
            SettingsFile file =
                SettingsFile.parse(golden.path("yaml").asString(), cache, UnknownKeys.REJECT);
            ResolvedCacheConfig config =
                ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
            JsonNode call = f.json().path("calls").path(golden.path("call").asString());
            try (Result r =
                engine.generate(
                    Requests.given(call),
                    BlockCache.factory(config, parallel::sampleSum),
                    Progress.NONE)) {
              boolean negative = cfg == 2 && world.rank() >= ring * ulysses * tp;
              assertCachedSteps(r, golden.path("contexts"), negative);
              assertThat(r.latents())
                  .isCloseTo(f.tensor("cache." + cache + ".final_latents"), TOLERANCE);
            }
          }
        });
  }

  /** A rank of the negative branch has it as its only one. */
  private static void assertCachedSteps(Result r, JsonNode contexts, boolean negative) {
    int groups = 0;
    for (StepCache cache : StepCache.among(r.accelerations())) {
      for (CacheStatistics s : cache.statistics()) {
        JsonNode expected =
            contexts.path(s.group()).path(negative ? "cfg_cached_steps" : "cached_steps");
        Assertions.assertThat(s.conditional().cachedSteps().toString())
            .as(s.group())
            .isEqualTo(expected.toString().replace(",", ", "));
        Assertions.assertThat(s.conditional().cachedSteps()).isNotEmpty();
        groups++;
      }
    }
    Assertions.assertThat(groups).isEqualTo(2);
  }
}
