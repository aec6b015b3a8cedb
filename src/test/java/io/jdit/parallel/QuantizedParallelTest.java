package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.RankSum;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.QuantizedCopy;
import io.jdit.engine.Result;
import io.jdit.offload.Offload;
import io.jdit.offload.OffloadKeys;
import io.jdit.offload.OffloadSettings;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.Strategies;
import io.jdit.quant.QuantType;
import io.jdit.quant.Quantization;
import io.jdit.quant.QuantizeConfig;
import io.jdit.tensor.Tensor;
import io.jdit.testing.Fixture;
import io.jdit.testing.Requests;
import io.jdit.testing.TensorAssert;
import io.jdit.testing.TinyPipeline;
import io.jdit.transformer.Acceleration;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tensor parallelism, quantized layers and the cache together, against one rank. */
class QuantizedParallelTest {
  private static final Path MODEL = Fixture.ROOT.resolve("flux1-dev-tiny/pipeline");
  private static final Values REQUEST = Requests.small("a red fox", 64, 64, 8, 32);

  private record Outcome(float[] latents, String cachedSteps, List<String> report) {}

  @TempDir private Path temp;

  private static Outcome run(Path model, Strategies strategies, RankSum sum) {
    SettingsFile file =
        SettingsFile.parse(
            "cache_config: {Fn_compute_blocks: 1, max_warmup_steps: 2, residual_diff_threshold:"
                + " 0.4}",
            "test",
            UnknownKeys.REJECT);
    Acceleration.Factory cache =
        BlockCache.factory(ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none()), sum);
    try (Engine engine = Engine.load(model, strategies);
        Result r = engine.generate(REQUEST, cache, Progress.NONE)) {
      return new Outcome(
          r.latents().toFloats(),
          StepCache.among(r.accelerations())
              .get(0)
              .statistics()
              .get(0)
              .conditional()
              .cachedSteps()
              .toString(),
          engine.formatReport());
    }
  }

  private static List<Outcome> shared(Path model, Strategies strategies) {
    return LocalWorld.call(
        2,
        world -> {
          ParallelConfig layout = ParallelConfig.of(new Mesh(1, 1, 1, 1, 2));
          try (ParallelModel parallel = new ParallelModel(layout, world, new FusedAttention())) {
            return run(model, parallel.apply(strategies), parallel::sampleSum);
          }
        });
  }

  private static void assertClose(float[] found, float[] expected, double decibels) {
    try (Tensor f = Tensor.of(found, found.length);
        Tensor e = Tensor.of(expected, expected.length)) {
      TensorAssert.assertThat(f).hasPsnrAbove(decibels, e);
    }
  }

  /**
   * Scales of row shards are their own, so ranks differ from one rank by no more than the type
   * differs from float32. Layers that come and go are the same on every rank.
   */
  @ParameterizedTest
  @CsvSource({
    "INT8_PER_ROW, 40",
    "INT8_WEIGHT_ONLY, 45",
    "FLOAT8_WEIGHT_ONLY, 33",
    "FLOAT8_PER_ROW, 28"
  })
  void ranksSkipTheSameStepsAndComeClose(QuantType type, double decibels) {
    Strategies strategies = Strategies.cpu().withFormats(Quantization.of(QuantizeConfig.of(type)));
    Outcome alone = run(MODEL, strategies, null);
    List<Outcome> ranks = shared(MODEL, strategies);
    assertThat(alone.cachedSteps).isNotEqualTo("[]");
    for (Outcome rank : ranks) {
      assertThat(rank.cachedSteps).isEqualTo(alone.cachedSteps);
      assertThat(rank.latents).containsExactly(ranks.get(0).latents);
      assertClose(rank.latents, alone.latents, decibels);
    }
    Strategies layers =
        strategies.withPlacement(
            Offload.of(OffloadSettings.of(Values.of(OffloadKeys.DIT_LAYERWISE, true))));
    for (Outcome rank : shared(MODEL, layers)) {
      assertThat(rank.latents).containsExactly(ranks.get(0).latents);
      assertThat(rank.report).isEqualTo(ranks.get(0).report);
    }
    boolean fallback = ranks.get(0).report.stream().anyMatch(l -> l.contains("float8_per_tensor"));
    assertThat(fallback).isEqualTo(type == QuantType.FLOAT8_PER_ROW);
  }

  /** A checkpoint's codes and scales are those of whole layers on any number of ranks. */
  @ParameterizedTest
  @CsvSource({
    "src/test/resources/fixtures/flux1-dev-tiny/pipeline, INT8_WEIGHT_ONLY",
    "src/test/resources/fixtures/flux1-dev-tiny/pipeline, FLOAT8_WEIGHT_ONLY",
    "models/shapes, INT4_WEIGHT_ONLY"
  })
  void aQuantizedCheckpointIsTheSameModelOnSeveralRanks(Path model, QuantType type)
      throws IOException {
    Path copy = temp.resolve("copy");
    new QuantizedCopy(model, QuantizeConfig.of(type), "", line -> {}).write(copy);
    Outcome alone = run(copy, Strategies.cpu(), null);
    for (Outcome rank : shared(copy, Strategies.cpu())) {
      assertThat(rank.cachedSteps).isEqualTo(alone.cachedSteps);
      assertClose(rank.latents, alone.latents, 90);
    }
  }

  /** Layers of all of torchao's classes, in shards that do not end with a layer. */
  @Test
  void aCheckpointOfTorchaoIsTheSameModelOnSeveralRanks() {
    Path torchao = Fixture.ROOT.resolve("torchao");
    Path model =
        TinyPipeline.copy("flux1-dev-tiny", temp.resolve("torchao"))
            .with("transformer", torchao.resolve("transformer"))
            .with("text_encoder_2", torchao.resolve("text_encoder_2"))
            .folder();
    Outcome alone = run(model, Strategies.cpu(), null);
    assertThat(alone.report.toString())
        .contains(
            "quantized transformer: the whole component", "int4_weight_only", "text_encoder_2");
    for (Outcome rank : shared(model, Strategies.cpu())) {
      assertThat(rank.cachedSteps).isEqualTo(alone.cachedSteps);
      // Row shards scale their part of an activation by itself.
      assertClose(rank.latents, alone.latents, 30);
    }
  }
}
