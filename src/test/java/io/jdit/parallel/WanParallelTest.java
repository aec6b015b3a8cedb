package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.CacheStatistics;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.family.wan.WanConfig;
import io.jdit.family.wan.WanInputs;
import io.jdit.family.wan.WanTransformer;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockRunner;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** Wan on several ranks against the reference's results, with and without caches. */
@ExtendWith(NoLeaks.class)
class WanParallelTest {
  private static final double TOLERANCE = 1e-4;

  @TempDir private Path folder;

  private static ParallelConfig layout(int cfg, int ring, int ulysses, int tp) {
    return ParallelConfig.of(new Mesh(1, cfg, ring, ulysses, tp));
  }

  /** 18 tokens of the picture's video are not divisible by 4, its picture and text stay whole. */
  @ParameterizedTest
  @CsvSource({
    "wan21-t2v-tiny, 1, 2, 1",
    "wan21-t2v-tiny, 2, 1, 1",
    "wan21-t2v-tiny, 1, 1, 2",
    "wan21-i2v-tiny, 1, 2, 1",
    "wan21-i2v-tiny, 1, 1, 2",
    "wan21-i2v-tiny, 1, 4, 1",
    "wan21-i2v-tiny, 2, 2, 1",
    "wan21-i2v-tiny, 1, 2, 2",
    "wan22-ti2v-tiny, 1, 4, 1",
    "wan22-ti2v-tiny, 2, 1, 2"
  })
  void aCallOfTheTransformerEqualsTheReference(String name, int ring, int ulysses, int tp) {
    LocalWorld.run(
        ring * ulysses * tp,
        world -> {
          try (TensorScope weights = TensorScope.unbound();
              Fixture f = new Fixture(name);
              ParallelModel parallel =
                  new ParallelModel(layout(1, ring, ulysses, tp), world, new FusedAttention())) {
            WanTransformer model = transformer(f, parallel, weights);
            boolean picture = f.has("i2v.condition");
            Tensor x = f.tensor("latents_init");
            assertThat(
                    model.forward(
                        inputs(
                            f,
                            model,
                            picture ? Tensor.cat(1, x, f.tensor("i2v.condition")) : x,
                            picture ? 1000 : 999,
                            null),
                        BlockRunner.direct()))
                .isCloseTo(f.tensor("transformer.out.cond"), TOLERANCE);
          }
        });
  }

  /** Four of twelve tokens have the timestep 0: a rank has all of them, some or none. */
  @ParameterizedTest
  @CsvSource({"1, 2, 1", "1, 4, 1", "2, 2, 1", "1, 2, 2"})
  void timestepsOfTokensAreCutWithThem(int ring, int ulysses, int tp) {
    LocalWorld.run(
        ring * ulysses * tp,
        world -> {
          try (TensorScope weights = TensorScope.unbound();
              Fixture f = new Fixture("wan22-ti2v-tiny");
              SafeTensorsFile expected =
                  SafeTensorsFile.open(
                      Fixture.ROOT.resolve("wan22-ti2v-tiny/picture.safetensors"));
              ParallelModel parallel =
                  new ParallelModel(layout(1, ring, ulysses, tp), world, new FusedAttention())) {
            WanTransformer model = transformer(f, parallel, weights);
            Tensor x = f.tensor("latents_init");
            Tensor first = Tensor.cat(2, expected.read("condition"), x.narrow(2, 1, x.size(2) - 1));
            Tensor zero = Tensor.zeros(DType.FLOAT32, Device.CPU, 1);
            assertThat(model.forward(inputs(f, model, first, 999, zero), BlockRunner.direct()))
                .isCloseTo(expected.read("first_output"), TOLERANCE);
          }
        });
  }

  private static WanTransformer transformer(
      Fixture f, ParallelModel parallel, TensorScope weights) {
    return f.build(
        "transformer",
        DType.FLOAT32,
        weights,
        w ->
            new WanTransformer(
                WanConfig.read(f.config("transformer")),
                w,
                parallel.linears("transformer"),
                parallel.attention(),
                parallel.sequence()));
  }

  private static WanInputs inputs(
      Fixture f, WanTransformer model, Tensor latents, float timestep, Tensor first) {
    return new WanInputs(
        latents,
        Tensor.full(timestep, DType.FLOAT32, Device.CPU, 1),
        first,
        f.tensor("prompt_embeds"),
        f.has("i2v.image_embeds") ? f.tensor("i2v.image_embeds") : null,
        model.rotary((int) latents.size(2), (int) latents.size(3) / 2, (int) latents.size(4) / 2));
  }

  /** Whole generations; a cache's name is that of a cached run of the fixture. */
  @ParameterizedTest
  @CsvSource({
    "wan21-t2v-tiny, 1, 1, 2, 1, f1b0",
    "wan21-t2v-tiny, 2, 1, 1, 1, f2b1_taylor1",
    "wan21-t2v-tiny, 2, 1, 1, 1, cfg_shared_diff",
    "wan22-t2v-tiny, 1, 1, 1, 2, max_continuous",
    "wan22-t2v-tiny, 1, 2, 2, 1, cfg_shared_diff",
    "wan22-ti2v-tiny, 1, 1, 4, 1, scm_medium_dynamic",
    "wan21-i2v-tiny, 2, 1, 2, 1, limits",
    "wan21-i2v-tiny, 1, 1, 2, 2, f1b0_taylor2"
  })
  void cachedGenerationsEqualTheReference(
      String name, int cfg, int ring, int ulysses, int tp, String cache) {
    List<List<Integer>> steps =
        LocalWorld.call(
            cfg * ring * ulysses * tp,
            world -> {
              try (Fixture f = new Fixture(name);
                  ParallelModel parallel =
                      new ParallelModel(
                          layout(cfg, ring, ulysses, tp), world, new FusedAttention());
                  Engine engine = Engine.load(f.pipeline(), parallel.apply(Strategies.cpu()));
                  Result r =
                      engine.generate(
                          call(f, world.rank()),
                          acceleration(f.json().path("cache").path(cache), parallel),
                          Progress.NONE)) {
                assertThat(r.latents())
                    .isCloseTo(f.tensor("cache." + cache + ".latents"), TOLERANCE);
                List<Integer> cached = new ArrayList<>();
                for (StepCache c : StepCache.among(r.accelerations())) {
                  for (CacheStatistics s : c.statistics()) {
                    cached.addAll(s.conditional().cachedSteps());
                  }
                }
                return cached;
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
    Assertions.assertThat(steps.get(0)).isNotEmpty();
  }

  private Values call(Fixture f, int rank) throws IOException {
    Values call = Requests.given(f.json().path("call"));
    if (!f.has("i2v.image_u8")) {
      return call;
    }
    Path file = folder.resolve("first" + rank + ".png");
    PngWriter.write(file, Requests.picture(f.tensor("i2v.image_u8")), Map.of());
    return call.with(RequestKeys.IMAGE_PATH, List.of(file.toString()));
  }

  private static Acceleration.Factory acceleration(JsonNode golden, ParallelModel parallel) {
    SettingsFile file =
        SettingsFile.parse(golden.path("yaml").asString(), "cache.yaml", UnknownKeys.REJECT);
    ResolvedCacheConfig resolved = ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none());
    return BlockCache.factory(
        resolved,
        resolved.config().cfgDiffComputeSeparate()
            ? parallel::sampleSum
            : parallel::firstBranchSum);
  }
}
