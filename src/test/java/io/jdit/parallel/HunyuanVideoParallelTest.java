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
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.family.hunyuanvideo.HunyuanConfig;
import io.jdit.family.hunyuanvideo.HunyuanInputs;
import io.jdit.family.hunyuanvideo.HunyuanTransformer;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockRunner;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** HunyuanVideo on several ranks, with and without caches. */
@ExtendWith(NoLeaks.class)
class HunyuanVideoParallelTest {
  private static final double TOLERANCE = 1e-4;

  private static ParallelConfig layout(int cfg, int ring, int ulysses, int tp) {
    return ParallelConfig.of(new Mesh(1, cfg, ring, ulysses, tp));
  }

  /**
   * 21 of 24 text tokens count: the last rank's padding is in the middle of the joined keys. 15
   * video tokens and 23 of the text, of which 1 or 22 count, do not divide.
   */
  @ParameterizedTest
  @CsvSource({
    "1, 2, 1, false",
    "1, 2, 1, true",
    "2, 1, 1, false",
    "1, 1, 2, false",
    "1, 4, 1, false",
    "4, 1, 1, false",
    "1, 2, 2, true",
    "1, 1, 4, false"
  })
  void aCallOfTheTransformerEqualsOneProcess(int ring, int ulysses, int tp, boolean async) {
    ParallelConfig config = layout(1, ring, ulysses, tp).withAsync(async);
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("hunyuan-video-tiny")) {
      HunyuanTransformer alone = model(f, weights, Strategies.cpu());
      Tensor one = alone.forward(uneven(f, alone, 1), BlockRunner.direct());
      Tensor most = alone.forward(uneven(f, alone, 22), BlockRunner.direct());
      LocalWorld.run(
          ring * ulysses * tp,
          world -> {
            try (TensorScope owner = TensorScope.unbound();
                ParallelModel parallel = new ParallelModel(config, world, new FusedAttention())) {
              HunyuanTransformer model = model(f, owner, parallel.apply(Strategies.cpu()));
              Tensor[] rows = model.forward(twoTexts(f, model), BlockRunner.direct()).chunk(2, 0);
              assertThat(rows[0]).isCloseTo(f.tensor("transformer.out.cond"), TOLERANCE);
              assertThat(rows[1]).isCloseTo(f.tensor("transformer.out.uncond"), TOLERANCE);
              assertThat(model.forward(uneven(f, model, 1), BlockRunner.direct()))
                  .isCloseTo(one, TOLERANCE);
              assertThat(model.forward(uneven(f, model, 22), BlockRunner.direct()))
                  .isCloseTo(most, TOLERANCE);
            }
          });
    }
  }

  /** What the reference called the transformer with at its first step, both branches. */
  private static HunyuanInputs twoTexts(Fixture f, HunyuanTransformer model) {
    Tensor x = f.tensor("latents_init");
    return new HunyuanInputs(
        Tensor.cat(0, x, x),
        Tensor.of(new float[] {1000, 1000}, 2),
        Tensor.of(new float[] {6, 6}, 2),
        Tensor.cat(0, f.tensor("prompt_embeds"), f.tensor("negative_prompt_embeds")),
        new int[] {21, 23},
        Tensor.cat(0, f.tensor("pooled_prompt_embeds"), f.tensor("negative_pooled_prompt_embeds")),
        model.rotary(4, 2, 2, 24));
  }

  /** 5 x 1 x 3 video tokens and 23 of the text, of which {@code length} count. */
  private static HunyuanInputs uneven(Fixture f, HunyuanTransformer model, int length) {
    Tensor x = f.tensor("latents_init");
    Tensor row = Tensor.cat(4, x, x.narrow(4, 0, 2)).narrow(3, 0, 2); // [1, 16, 4, 2, 6]
    Tensor latents = Tensor.cat(2, row, row.narrow(2, 0, 1));
    return new HunyuanInputs(
        latents,
        Tensor.of(new float[] {1000}, 1),
        Tensor.of(new float[] {6}, 1),
        f.tensor("prompt_embeds").narrow(1, 0, 23),
        new int[] {length},
        f.tensor("pooled_prompt_embeds"),
        model.rotary(5, 1, 3, 23));
  }

  private static HunyuanTransformer model(Fixture f, TensorScope owner, Strategies s) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        owner,
        w ->
            new HunyuanTransformer(
                HunyuanConfig.read(f.config("transformer")),
                w,
                s.linears("transformer"),
                s.attention(),
                s.sequence()));
  }

  /** Whole generations; a cache's name is that of a cached run of the fixture. */
  @ParameterizedTest
  @CsvSource({
    "1, 1, 2, 1, f1b0",
    "1, 2, 1, 1, f2b1_taylor1",
    "1, 1, 1, 2, modifiers",
    "1, 1, 4, 1, scm_medium_dynamic",
    "1, 2, 2, 1, max_continuous",
    "2, 1, 1, 1, true_cfg_separate"
  })
  void cachedGenerationsEqualTheReference(int cfg, int ring, int ulysses, int tp, String cache) {
    LocalWorld.run(
        cfg * ring * ulysses * tp,
        world -> {
          try (Fixture f = new Fixture("hunyuan-video-tiny");
              ParallelModel parallel =
                  new ParallelModel(layout(cfg, ring, ulysses, tp), world, new FusedAttention());
              Engine engine = Engine.load(f.pipeline(), parallel.apply(Strategies.cpu()))) {
            JsonNode golden = f.json().path("cache").path(cache);
            Values call =
                golden.path("true_cfg").booleanValue()
                    ? Requests.guided(f)
                    : Requests.given(f.json().path("call"));
            try (Result r = engine.generate(call, acceleration(golden, parallel), Progress.NONE)) {
              assertThat(r.latents()).isCloseTo(f.tensor("cache." + cache + ".latents"), TOLERANCE);
              requireSteps(r, golden, cfg == 2 && world.rank() >= ring * ulysses * tp);
            }
          }
        });
  }

  /** With branches on ranks of their own, a rank knows the steps of its branch. */
  private static void requireSteps(Result r, JsonNode golden, boolean negative) {
    for (CacheStatistics s : StepCache.among(r.accelerations()).get(0).statistics()) {
      JsonNode steps =
          golden
              .path("contexts")
              .path("transformer." + s.group())
              .path(negative ? "cfg_cached_steps" : "cached_steps");
      Assertions.assertThat(s.conditional().cachedSteps())
          .isNotEmpty()
          .isEqualTo(steps.valueStream().map(JsonNode::intValue).toList());
    }
  }

  private static Acceleration.Factory acceleration(JsonNode golden, ParallelModel parallel) {
    String yaml = Fixture.withBlockGroups(golden);
    SettingsFile file = SettingsFile.parse(yaml, "cache.yaml", UnknownKeys.REJECT);
    ResolvedCacheConfig resolved = ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
    return BlockCache.factory(resolved, parallel::sampleSum);
  }
}
