package io.jdit.cache;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.Values;
import io.jdit.tensor.LeakDetector;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Streams;
import java.util.Map;
import java.util.stream.Stream;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

/** Which blocks a runner computes on the six-block network, and what it keeps. */
@ExtendWith(NoLeaks.class)
class BlockCacheTest {
  private static Acceleration.Outline outline(int steps, int calls) {
    return new Acceleration.Outline("transformer", steps, calls);
  }

  @Test
  void cachedCallsRunOnlyTheOuterBlocks() {
    try (GoldenRun run = new GoldenRun(GoldenRun.golden("b010"))) {
      run.all();
      int perCall = 0;
      String cached = run.cached();
      for (char c : cached.toCharArray()) {
        perCall += c == '1' ? 2 : TinyTransformer.BLOCKS;
      }
      assertThat(run.takeBlocksRun()).isEqualTo(perCall);
    }
  }

  @Test
  void theMeterCountsTheBlocksThatRan() {
    JsonNode golden = GoldenRun.golden("b010");
    try (GoldenRun run = new GoldenRun(golden);
        MeteredAcceleration meter =
            new MeteredAcceleration(
                new DualBlockCache("transformer", GoldenRun.configs(golden), null))) {
      run.calls(meter.runner(), 12);
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
    try (GoldenRun run = new GoldenRun(GoldenRun.golden("b000"));
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
    try (GoldenRun run = new GoldenRun(GoldenRun.golden("b000"));
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
    try (GoldenRun run = new GoldenRun(GoldenRun.golden("b000"));
        DualBlockCache runner =
            new DualBlockCache("transformer", g -> CacheConfig.of(always), null)) {
      run.call(runner, "cond", 0);
      run.takeBlocksRun();
      run.call(runner, "cond", 1);
      assertThat(run.takeBlocksRun()).isEqualTo(1);
      run.call(runner, "pair", 2);
      assertThat(run.takeBlocksRun()).isEqualTo(TinyTransformer.BLOCKS);
      run.call(runner, "pair", 3);
      assertThat(run.takeBlocksRun()).isEqualTo(1);
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
      try (GoldenRun run = new GoldenRun(GoldenRun.golden("b000"));
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
