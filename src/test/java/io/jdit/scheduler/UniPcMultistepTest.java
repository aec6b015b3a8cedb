package io.jdit.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.TensorAssert;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class UniPcMultistepTest {
  private static final UniPcMultistep.Config WAN =
      new UniPcMultistep.Config(1000, 3, 2, true, true, Set.of());

  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan22-t2v-tiny", "wan22-ti2v-tiny"})
  void everyStepOfTheReferenceIsReproduced(String name) {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Trajectory trajectory = scheduler(f).trajectory(steps(f))) {
      requireLadder(trajectory, f.json().path("schedule"));
      Tensor outputs = f.tensor("noise_pred_steps");
      Tensor expected = f.tensor("latents_steps");
      Tensor x = f.tensor("latents_init").select(0, 0);
      for (int i = 0; i < trajectory.steps(); i++) {
        x = trajectory.step(i, x, outputs.select(0, i));
        TensorAssert.assertThat(x).as("step %d", i).isCloseTo(expected.select(0, i), 1e-6);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan22-t2v-tiny", "wan22-ti2v-tiny"})
  void eulerWithoutOwnSigmasEqualsTheReferenceBitForBit(String name) {
    try (Fixture f = new Fixture(name)) {
      JsonNode golden = f.json().path("alt_scheduler");
      FlowMatchEuler.Config flux =
          new FlowMatchEuler.Config(
              1000,
              golden.path("shift").asDouble(),
              false,
              0.5,
              1.15,
              256,
              4096,
              false,
              0,
              FlowMatchEuler.Spacing.UNIFORM,
              false);
      requireLadder(new FlowMatchEuler(flux).trainedTrajectory(steps(f)), golden);
    }
  }

  @Test
  void theI2vFixturesLaddersAreReproduced() {
    try (Fixture f = new Fixture("wan21-i2v-tiny")) {
      FlowMatchEuler euler =
          new FlowMatchEuler(
              FlowMatchEuler.Config.read(
                  ModelConfig.read(f.pipeline().resolve("scheduler/scheduler_config.json"))));
      requireLadder(euler.trainedTrajectory(steps(f)), f.json().path("schedule"));
      requireLadder(new UniPcMultistep(WAN).trajectory(steps(f)), f.json().path("alt_scheduler"));
    }
  }

  private static UniPcMultistep scheduler(Fixture f) {
    return new UniPcMultistep(
        UniPcMultistep.Config.read(
            ModelConfig.read(f.pipeline().resolve("scheduler/scheduler_config.json"))));
  }

  private static int steps(Fixture f) {
    return f.json().at("/call/num_inference_steps").asInt();
  }

  private static void requireLadder(Trajectory t, JsonNode golden) {
    for (int i = 0; i < t.steps(); i++) {
      assertThat(t.timestep(i)).isEqualTo((float) golden.at("/timesteps/" + i).asDouble());
    }
    for (int i = 0; i <= t.steps(); i++) {
      assertThat(t.sigma(i)).isEqualTo((float) golden.at("/sigmas/" + i).asDouble());
    }
  }

  /** A constant data prediction makes the exact solution x = sigma noise + (1 - sigma) data. */
  @ParameterizedTest
  @CsvSource({"1, true", "2, true", "3, true", "2, false", "3, false"})
  void aModelThatKnowsTheDataIsFollowedExactly(int order, boolean bh2) {
    UniPcMultistep.Config config = new UniPcMultistep.Config(1000, 5, order, bh2, true, Set.of());
    for (double error : errors(config, 9, lambda -> 0.7)) {
      assertThat(error).isCloseTo(0, within(1e-5));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {20, 40, 80})
  void theSecondOrderIsCloserThanTheFirst(int steps) {
    double[] last = new double[2];
    for (int order = 1; order <= 2; order++) {
      UniPcMultistep.Config config =
          new UniPcMultistep.Config(1000, 1, order, true, true, Set.of());
      double[] all = errors(config, steps, lambda -> Math.tanh(lambda / 3));
      last[order - 1] = Math.abs(all[steps - 1]);
    }
    assertThat(last[1]).isLessThan(last[0] / 2);
  }

  /**
   * Predictor and corrector of order 3 integrate data predictions of degree 2 in lambda exactly.
   */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void theThirdOrderAddsNoErrorToAParabola(boolean bh2) {
    UniPcMultistep.Config config = new UniPcMultistep.Config(1000, 1, 3, bh2, true, Set.of());
    double[] errors = errors(config, 24, lambda -> 0.5 + 0.2 * lambda - 0.05 * lambda * lambda);
    for (int i = 5; i < 22; i++) { // the last two steps are of lower orders
      assertThat(errors[i]).isCloseTo(errors[4], within(2e-5));
    }
  }

  /** A data prediction as a function of lambda alone. */
  private interface Data {
    double at(double lambda);
  }

  /** Of x / sigma = x_0 / sigma_0 + integral of e^lambda data d lambda, before each step. */
  private static double[] errors(UniPcMultistep.Config config, int steps, Data data) {
    try (TensorScope scope = TensorScope.open();
        Trajectory t = new UniPcMultistep(config).trajectory(steps)) {
      double noise = 0.3;
      Tensor x = Tensor.of(new float[] {(float) noise});
      double exact = noise / t.sigma(0);
      double[] errors = new double[steps];
      for (int i = 0; i < steps - 1; i++) {
        double from = t.sigma(i);
        double m = data.at(lambda(from));
        Tensor v = x.add(-m).div(from); // x - sigma v = m
        x = t.step(i, x, v);
        exact += integral(lambda(from), lambda(t.sigma(i + 1)), data);
        errors[i + 1] = x.item() / t.sigma(i + 1) - exact;
      }
      return errors;
    }
  }

  private static double lambda(double sigma) {
    return Math.log((1 - sigma) / sigma);
  }

  /** Simpson's rule. */
  private static double integral(double a, double b, Data data) {
    int n = 400;
    double h = (b - a) / n;
    double sum = 0;
    for (int i = 0; i <= n; i++) {
      double weight = i == 0 || i == n ? 1 : i % 2 == 1 ? 4 : 2;
      double l = a + i * h;
      sum += weight * Math.exp(l) * data.at(l);
    }
    return sum * h / 3;
  }

  @Test
  void theLastStepTakesTheDataPrediction() {
    try (TensorScope scope = TensorScope.open();
        Trajectory t = new UniPcMultistep(WAN).trajectory(3)) {
      Tensor x = Tensor.of(new float[] {1, -2});
      for (int i = 0; i < 3; i++) {
        Tensor v = Tensor.of(new float[] {0.5f, 0.25f * i});
        Tensor data = x.sub(v.mul(t.sigma(i)));
        x = t.step(i, x, v);
        if (i == 2) {
          TensorAssert.assertThat(x).isCloseTo(data, 1e-6);
        }
      }
      assertThat(t.sigma(3)).isZero();
      assertThat(t.timestep(0)).isEqualTo(999, within(0f));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "'\"prediction_type\": \"epsilon\"', prediction_type 'epsilon' is not supported",
    "'\"use_flow_sigmas\": false', use_flow_sigmas false is not supported",
    "'\"use_karras_sigmas\": true', use_karras_sigmas true is not supported",
    "'\"solver_order\": 4', solver_order 4 is not supported",
    "'\"solver_type\": \"heun\"', solver_type 'heun' is unknown"
  })
  void whatIsNotSupportedIsRefused(String setting, String message, @TempDir Path folder)
      throws Exception {
    Path file = folder.resolve("scheduler_config.json");
    String key = setting.substring(0, setting.indexOf(':'));
    String base = "\"prediction_type\": \"flow_prediction\", \"use_flow_sigmas\": true";
    StringBuilder json = new StringBuilder("{").append(setting);
    for (String part : base.split(", ")) {
      if (!part.startsWith(key)) {
        json.append(", ").append(part);
      }
    }
    Files.writeString(file, json.append("}").toString());
    Assertions.assertThatThrownBy(() -> UniPcMultistep.Config.read(ModelConfig.read(file)))
        .hasMessageContaining(file.toString())
        .hasMessageContaining(message);
  }
}
