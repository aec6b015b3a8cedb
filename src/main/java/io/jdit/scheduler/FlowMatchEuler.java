package io.jdit.scheduler;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Locale;

/**
 * diffusers' FlowMatchEulerDiscreteScheduler: Euler steps along a ladder of sigmas from 1 to 0.
 * Sigmas are float32 and computed in the reference's order of operations, since the first step
 * feeds them back into the model.
 */
public final class FlowMatchEuler {
  /** How the ladder is respaced after the shift. */
  public enum Spacing {
    UNIFORM,
    KARRAS,
    EXPONENTIAL,
    BETA
  }

  /** Settings of the scheduler's config. */
  public record Config(
      int numTrainTimesteps,
      double shift,
      boolean useDynamicShifting,
      double baseShift,
      double maxShift,
      int baseImageSeqLen,
      int maxImageSeqLen,
      boolean invertSigmas,
      double shiftTerminal,
      Spacing spacing,
      boolean linearTimeShift) {

    public static Config read(ModelConfig json) {
      if (json.flag("stochastic_sampling", false)) {
        throw json.error(
            "stochastic_sampling is not supported: its noise has no seed in the reference");
      }
      String timeShift = json.text("time_shift_type", "exponential");
      if (!timeShift.equals("exponential") && !timeShift.equals("linear")) {
        throw json.error(
            "time_shift_type '" + timeShift + "' is unknown, expected exponential or linear");
      }
      Spacing spacing = Spacing.UNIFORM;
      int chosen = 0;
      for (Spacing s : new Spacing[] {Spacing.KARRAS, Spacing.EXPONENTIAL, Spacing.BETA}) {
        if (json.flag("use_" + s.name().toLowerCase(Locale.ROOT) + "_sigmas", false)) {
          spacing = s;
          chosen++;
        }
      }
      if (chosen > 1) {
        throw json.error(
            "only one of use_karras_sigmas, use_exponential_sigmas and use_beta_sigmas can be true");
      }
      return new Config(
          json.integer("num_train_timesteps", 1000),
          json.number("shift", 1.0),
          json.flag("use_dynamic_shifting", false),
          json.number("base_shift", 0.5),
          json.number("max_shift", 1.15),
          json.integer("base_image_seq_len", 256),
          json.integer("max_image_seq_len", 4096),
          json.flag("invert_sigmas", false),
          json.number("shift_terminal", 0),
          spacing,
          timeShift.equals("linear"));
    }

    /** The same with another static shift. */
    public Config withShift(double other) {
      return new Config(
          numTrainTimesteps,
          other,
          useDynamicShifting,
          baseShift,
          maxShift,
          baseImageSeqLen,
          maxImageSeqLen,
          invertSigmas,
          shiftTerminal,
          spacing,
          linearTimeShift);
    }
  }

  /**
   * The ladder of one generation.
   *
   * @param sigmas n + 1 values, the last one 0 (1 when inverted)
   * @param timesteps n values, sigma times the number of training steps
   */
  public record Schedule(float[] sigmas, float[] timesteps) {
    public int steps() {
      return timesteps.length;
    }
  }

  private static final double KARRAS_RHO = 7;
  private static final double BETA = 0.6;

  private final Config config;

  public FlowMatchEuler(Config config) {
    this.config = config;
  }

  public Config config() {
    return config;
  }

  /**
   * Shift exponent of a picture with that many tokens, linear between the config's two anchors
   * (calculate_shift of the FLUX pipeline).
   */
  public double mu(int imageTokens) {
    double m =
        (config.maxShift - config.baseShift) / (config.maxImageSeqLen - config.baseImageSeqLen);
    double b = config.baseShift - m * config.baseImageSeqLen;
    return imageTokens * m + b;
  }

  /**
   * The ladder 1 ... 1/n, shifted, stretched and respaced as the config says.
   *
   * @param mu shift exponent, used with dynamic shifting only
   */
  public Schedule schedule(int steps, double mu) {
    float[] s = new float[steps];
    for (int i = 0; i < steps; i++) {
      // numpy.linspace(1, 1 / n, n)
      s[i] = (float) (i == steps - 1 ? 1.0 / steps : 1 + i * ((1.0 / steps - 1) / (steps - 1)));
    }
    if (steps == 1) {
      s[0] = 1;
    }
    for (int i = 0; i < steps; i++) {
      s[i] = config.useDynamicShifting ? timeShift(s[i], mu) : staticShift(s[i]);
    }
    return finished(s);
  }

  /**
   * The ladder that pipelines get who pass no sigmas, WanPipeline for example: it ends at the least
   * sigma of training, and since that is shifted when the scheduler is made, the shift is there
   * twice. For configurations without dynamic shifting.
   */
  public Schedule trainedSchedule(int steps) {
    int most = config.numTrainTimesteps;
    double least = most * (double) staticShift(1f / most);
    float[] s = new float[steps];
    for (int i = 0; i < steps; i++) {
      // numpy.linspace(most, least, steps) / most
      double t = i == 0 ? most : i == steps - 1 ? least : most + i * ((least - most) / (steps - 1));
      double u = t / most;
      s[i] = (float) (config.shift * u / (1 + (config.shift - 1) * u));
    }
    return finished(s);
  }

  private Schedule finished(float[] s) {
    int steps = s.length;
    if (config.shiftTerminal != 0) {
      float scale = (1 - s[steps - 1]) / (float) (1 - config.shiftTerminal);
      for (int i = 0; i < steps; i++) {
        s[i] = 1 - (1 - s[i]) / scale;
      }
    }
    respace(s);
    float[] sigmas = new float[steps + 1];
    float[] timesteps = new float[steps];
    for (int i = 0; i < steps; i++) {
      sigmas[i] = config.invertSigmas ? 1 - s[i] : s[i];
      timesteps[i] = sigmas[i] * config.numTrainTimesteps;
    }
    sigmas[steps] = config.invertSigmas ? 1 : 0;
    return new Schedule(sigmas, timesteps);
  }

  private float timeShift(float s, double mu) {
    float m = (float) (config.linearTimeShift ? mu : Math.exp(mu));
    return m / (m + (1 / s - 1));
  }

  private float staticShift(float s) {
    return (float) config.shift * s / (1 + (float) (config.shift - 1) * s);
  }

  private void respace(float[] s) {
    int n = s.length;
    double max = s[0];
    double min = s[n - 1];
    for (int i = 0; i < n; i++) {
      double ramp = n == 1 ? 0 : (double) i / (n - 1);
      s[i] =
          switch (config.spacing) {
            case UNIFORM -> s[i];
            case KARRAS -> {
              double a = Math.pow(max, 1 / KARRAS_RHO);
              double b = Math.pow(min, 1 / KARRAS_RHO);
              yield (float) Math.pow(a + ramp * (b - a), KARRAS_RHO);
            }
            case EXPONENTIAL ->
                (float) Math.exp(Math.log(max) + ramp * (Math.log(min) - Math.log(max)));
            case BETA ->
                (float) (min + BetaDistribution.quantile(1 - ramp, BETA, BETA) * (max - min));
          };
    }
  }

  /**
   * The steps of one generation.
   *
   * @param mu shift exponent, used with dynamic shifting only
   */
  public Trajectory trajectory(int steps, double mu) {
    return new Steps(schedule(steps, mu));
  }

  /** The steps of one generation along {@link #trainedSchedule}. */
  public Trajectory trainedTrajectory(int steps) {
    return new Steps(trainedSchedule(steps));
  }

  /** Euler steps, which need no history. */
  private record Steps(Schedule schedule) implements Trajectory {
    @Override
    public int steps() {
      return schedule.steps();
    }

    @Override
    public float timestep(int step) {
      return schedule.timesteps[step];
    }

    @Override
    public float sigma(int step) {
      return schedule.sigmas[step];
    }

    /**
     * x + (sigma[i + 1] - sigma[i]) v. The product has the dtype of v, the sum is float32, cast
     * back.
     */
    @Override
    public Tensor step(int step, Tensor x, Tensor v) {
      float dt = sigma(step + 1) - sigma(step);
      try (TensorScope scope = TensorScope.open()) {
        return scope.keep(x.to(DType.FLOAT32).add(v.mul(dt)).to(v.dtype()));
      }
    }
  }
}
