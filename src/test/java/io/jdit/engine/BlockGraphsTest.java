package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheKeys;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.Values;
import io.jdit.kernels.GraphRecorder;
import io.jdit.offload.Offload;
import io.jdit.offload.OffloadKeys;
import io.jdit.offload.OffloadSettings;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.testing.Fixture;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Spans of blocks that are recorded once and replayed give the latents of blocks that run, without
 * and with a cache. What stands for a GPU's graphs runs the recorded work again, which reads what
 * it read when it was recorded.
 */
class BlockGraphsTest {
  private static final int STEPS = 6;

  private static final String NO_GRAPHS =
      "no CUDA graphs are used, every kernel is launched by itself: ";

  private final List<String> notes = new ArrayList<>();
  private int recorded;
  private int replayed;
  private int released;

  private final GraphRecorder recorder =
      recorder(
          work -> {
            recorded++;
            return new GraphRecorder.Recording() {
              @Override
              public void replay() {
                replayed++;
                work.run();
              }

              @Override
              public void close() {
                recorded--;
              }
            };
          });

  private GraphRecorder recorder(Function<Runnable, GraphRecorder.Recording> recording) {
    return new GraphRecorder() {
      @Override
      public Recording record(Runnable work) {
        return recording.apply(work);
      }

      @Override
      public void release() {
        assertThat(recorded).as("open when memory is given back").isZero();
        released++;
      }
    };
  }

  @ParameterizedTest
  @MethodSource("io.jdit.testing.Fixture#families")
  void everyFamilyIsTheSame(String model) {
    assertSame(model, Acceleration.none());
    assertThat(replayed).isGreaterThanOrEqualTo(STEPS - 2);
    assertThat(recorded).as("left after the generation").isZero();
    assertThat(released).isOne();
  }

  @ParameterizedTest
  @MethodSource("io.jdit.testing.Fixture#families")
  void everyFamilyIsTheSameWithACache(String model) {
    assertSame(model, cache());
    assertThat(replayed).isPositive();
  }

  private void assertSame(String model, Acceleration.Factory acceleration) {
    try (Fixture f = new Fixture(model);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Values request = request(engine);
      float[] direct = latents(engine, request, acceleration, null);
      assertThat(latents(engine, request, acceleration, recorder)).isEqualTo(direct);
    }
  }

  /** What cannot be recorded runs as it is, and is not tried again. */
  @Test
  void aRecorderThatFailsChangesNothing() {
    int[] tried = new int[1];
    GraphRecorder failing =
        recorder(
            work -> {
              tried[0]++;
              throw new IllegalStateException("operation not permitted");
            });
    try (Fixture f = new Fixture("flux1-dev-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Values request = request(engine);
      float[] direct = latents(engine, request, Acceleration.none(), null);
      assertThat(latents(engine, request, Acceleration.none(), failing)).isEqualTo(direct);
      assertThat(tried[0]).isOne();
      assertThat(notes).containsOnlyOnce(NO_GRAPHS + "operation not permitted");
    }
  }

  /** Blocks that come and go have no fixed places. */
  @Test
  void layersThatComeAndGoAreNotRecorded() {
    Values layerwise = Values.of(OffloadKeys.DIT_LAYERWISE, true);
    Strategies strategies =
        Strategies.cpu().withPlacement(Offload.of(OffloadSettings.of(layerwise)));
    try (Fixture f = new Fixture("flux1-dev-tiny");
        Engine engine = Engine.load(f.pipeline(), strategies)) {
      latents(engine, request(engine), Acceleration.none(), recorder);
      assertThat(replayed).isZero();
    }
  }

  /** The first block runs always, the others at every other step. */
  private static Acceleration.Factory cache() {
    return BlockCache.factory(
        ResolvedCacheConfig.of(
            Values.of(CacheKeys.FN_COMPUTE_BLOCKS, 1)
                .with(CacheKeys.BN_COMPUTE_BLOCKS, 0)
                .with(CacheKeys.RESIDUAL_DIFF_THRESHOLD, 10.0)
                .with(CacheKeys.MAX_WARMUP_STEPS, 1)
                .with(CacheKeys.MAX_CONTINUOUS_CACHED_STEPS, 1)),
        null);
  }

  private static Values request(Engine engine) {
    Values request =
        Values.of(RequestKeys.PROMPT, "a red fox")
            .with(RequestKeys.HEIGHT, 64)
            .with(RequestKeys.WIDTH, 64)
            .with(RequestKeys.NUM_INFERENCE_STEPS, STEPS);
    return Requests.fewFrames(engine.parameters(), request);
  }

  private float[] latents(
      Engine engine, Values values, Acceleration.Factory acceleration, GraphRecorder recorder) {
    return engine.call(
        () -> {
          try (Generation generation =
              engine.begin(engine.parameters().resolve(values), acceleration)) {
            generation.recordWith(recorder);
            generation.encode();
            while (!generation.done()) {
              generation.step();
            }
            notes.addAll(generation.notes());
            return generation.latents().toFloats();
          }
        });
  }
}
