package io.jdit.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.testing.Fixture;
import io.jdit.testing.TinyPipeline;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FlowMatchEulerTest {
  private static final String CONFIG = "scheduler/scheduler_config.json";

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"flux1-dev-tiny", "flux1-schnell-tiny"})
  void ladderEqualsTheReferenceBitForBit(String name) {
    try (Fixture f = new Fixture(name)) {
      FlowMatchEuler scheduler =
          new FlowMatchEuler(
              FlowMatchEuler.Config.read(
                  ModelConfig.read(f.pipeline().resolve("scheduler/scheduler_config.json"))));
      assertThat(scheduler.mu(24)).isCloseTo(f.json().at("/schedule/mu").asDouble(), within(1e-15));
      FlowMatchEuler.Schedule s = scheduler.schedule(20, scheduler.mu(24));
      for (int i = 0; i <= 20; i++) {
        assertThat(s.sigmas()[i])
            .isEqualTo((float) f.json().at("/schedule/sigmas/" + i).asDouble());
      }
      for (int i = 0; i < 20; i++) {
        assertThat(s.timesteps()[i])
            .isEqualTo((float) f.json().at("/schedule/timesteps/" + i).asDouble());
      }
    }
  }

  @Test
  void flagsAreFoundInEveryLocale() {
    Locale machine = Locale.getDefault();
    try (Fixture f = new Fixture("flux1-dev-tiny")) {
      TinyPipeline p = TinyPipeline.copy("flux1-dev-tiny", folder.resolve("model"));
      p.edit(CONFIG, "\"use_exponential_sigmas\": false", "\"use_exponential_sigmas\": true");
      Locale.setDefault(new Locale("tr", "TR"));
      assertThat(FlowMatchEuler.Config.read(ModelConfig.read(p.resolve(CONFIG))).spacing())
          .isEqualTo(FlowMatchEuler.Spacing.EXPONENTIAL);
    } finally {
      Locale.setDefault(machine);
    }
  }

  @Test
  void respacingsKeepBothEndsAndFollowTheirFormulas() {
    float[] karras = sigmas(FlowMatchEuler.Spacing.KARRAS, 5);
    float[] exponential = sigmas(FlowMatchEuler.Spacing.EXPONENTIAL, 5);
    float[] beta = sigmas(FlowMatchEuler.Spacing.BETA, 5);
    for (float[] s : new float[][] {karras, exponential, beta}) {
      assertThat(s[0]).isCloseTo(1f, within(1e-6f));
      assertThat(s[4]).isCloseTo(0.2f, within(1e-6f));
      assertThat(s[5]).isZero();
    }
    // Karras et al. 2022, equation 5 with rho 7: the middle is the mean of the seventh roots.
    assertThat(karras[2])
        .isCloseTo((float) Math.pow((1 + Math.pow(0.2, 1 / 7.0)) / 2, 7), within(1e-6f));
    assertThat(exponential[2]).isCloseTo((float) Math.sqrt(0.2), within(1e-6f));
    // Beta(0.6, 0.6) is symmetric: its median is 1/2.
    assertThat(beta[2]).isCloseTo(0.6f, within(1e-6f));
  }

  @Test
  void betaQuantilesEqualKnownValues() {
    // I_x(1/2, 1/2) = 2/pi asin(sqrt x); I_x(2, 3) = x^2 (6 - 8x + 3x^2)
    for (double p : new double[] {0.01, 0.1, 0.25, 0.5, 0.9, 0.999}) {
      double s = Math.sin(Math.PI * p / 2);
      assertThat(BetaDistribution.quantile(p, 0.5, 0.5)).isCloseTo(s * s, within(1e-12));
      double x = BetaDistribution.quantile(p, 2, 3);
      assertThat(x * x * (6 - 8 * x + 3 * x * x)).isCloseTo(p, within(1e-12));
    }
  }

  @Test
  void shiftTerminalStretchesTheLastSigma() {
    FlowMatchEuler.Config base = config(FlowMatchEuler.Spacing.UNIFORM, 0.02);
    float[] s = new FlowMatchEuler(base).schedule(10, 0).sigmas();
    assertThat(s[9]).isCloseTo(0.02f, within(1e-6f));
    assertThat(s[0]).isEqualTo(1f);
  }

  private static float[] sigmas(FlowMatchEuler.Spacing spacing, int steps) {
    return new FlowMatchEuler(config(spacing, 0)).schedule(steps, 0).sigmas();
  }

  private static FlowMatchEuler.Config config(FlowMatchEuler.Spacing spacing, double terminal) {
    return new FlowMatchEuler.Config(
        1000, 1, false, 0.5, 1.15, 256, 4096, false, terminal, spacing, false);
  }
}
