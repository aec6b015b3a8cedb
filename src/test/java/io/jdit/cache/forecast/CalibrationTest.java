package io.jdit.cache.forecast;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.Forecast;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * On a model whose answer is known: one velocity is a multiple of the latents, one never changes.
 */
@ExtendWith(NoLeaks.class)
class CalibrationTest {
  private static final int STEPS = 10;
  private static final double SCALE = 3;
  private static final double POSITIVE = 0.9;

  /** Share of an error in the latents that the guided velocity repeats. */
  private static final double RATE = SCALE * POSITIVE;

  @TempDir Path folder;

  /** Euler steps from random latents; branches are missing at steps from {@code alone} on. */
  private record Linear(int samples, int alone) implements CalibrationRuns {
    @Override
    public float[] run(int sample, Acceleration.Factory factory, GuidedVelocity guided) {
      double[] sigmas = Profiles.ladder(STEPS);
      try (TensorScope scope = TensorScope.open();
          Acceleration acceleration =
              factory.begin(new Acceleration.Outline("transformer", STEPS, 2))) {
        Tensor x = Tensor.of(new float[] {1 + sample, -0.5f, 2, 0.25f * sample}, 1, 4);
        for (int k = 0; k < STEPS; k++) {
          Tensor velocity = null;
          int branches = k < alone ? 2 : 1;
          for (int b = 0; b < branches; b++) {
            var call = new Acceleration.Call(k, b, 0, (float) sigmas[k], (float) sigmas[k + 1], x);
            Forecast forecast = acceleration.forecast(call);
            Tensor own =
                forecast != null
                    ? forecast.value()
                    : b == 0 ? x.mul(POSITIVE) : Tensor.of(new float[] {1, 2, 3, 4}, 1, 4);
            if (forecast == null) {
              own = acceleration.computed(call, own);
            }
            double weight = branches == 1 ? 1 : b == 0 ? SCALE : 1 - SCALE;
            velocity = b == 0 ? own.mul(weight) : velocity.add(own.mul(weight));
          }
          guided.of("transformer", velocity);
          x = x.add(velocity.mul(sigmas[k + 1] - sigmas[k]));
        }
        return x.toFloats();
      }
    }
  }

  private ForecastProfile calibrated(long memory) {
    Conditions conditions =
        new Conditions("m", "float32", new Conditions.Size(64, 64, 1), Map.of());
    return new Calibration(
            new Linear(3, STEPS), conditions, memory, folder, Notes.none(), line -> {})
        .run();
  }

  @Test
  void guidanceAndGainAreFound() throws Exception {
    ForecastProfile profile = calibrated(1 << 20);
    ExpertProfile expert = profile.experts().get("transformer");
    assertThat(expert.guidance()[0]).isCloseTo(SCALE, within(1e-4));
    // Each step multiplies the latents, and so an error made before it.
    double step = 1 - RATE / STEPS;
    Map<Integer, List<Double>> gains = new TreeMap<>();
    for (int k : Gain.probes(STEPS, 9)) {
      gains.put(k, List.of(Math.pow(step, 2 * (STEPS - 1 - k))));
    }
    assertThat(expert.gain()).containsExactly(Gain.overSteps(gains, STEPS), within(1e-3));
    assertThat(profile.levels()).isNotEmpty();
    assertThat(profile.prompts()).isEqualTo(3);
    try (var files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void velocitiesThatDoNotFitIntoMemoryAreInFiles() {
    assertThat(calibrated(40).experts().get("transformer").gram())
        .usingRecursiveComparison()
        .isEqualTo(calibrated(1 << 20).experts().get("transformer").gram());
  }

  @Test
  void branchesThatComeAndGoAreRefused() {
    Conditions conditions =
        new Conditions("m", "float32", new Conditions.Size(64, 64, 1), Map.of());
    assertThatThrownBy(
            () ->
                new Calibration(
                        new Linear(1, 5), conditions, 1 << 20, folder, Notes.none(), l -> {})
                    .run())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("guidance branches of transformer change");
  }
}
