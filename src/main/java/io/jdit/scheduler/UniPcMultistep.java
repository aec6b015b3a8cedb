package io.jdit.scheduler;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.TreeSet;

/**
 * diffusers' UniPCMultistepScheduler for flow models: the predictor-corrector of arXiv 2302.04867
 * on data predictions, with alpha = 1 - sigma.
 */
public final class UniPcMultistep {
  /**
   * Settings of the scheduler's config.
   *
   * @param flowShift k of the ladder k u / (1 + (k - 1) u)
   * @param bh2 B(h) = e^h - 1, else B(h) = h, in the paper's two variants
   * @param lowerOrderFinal whether the last steps go down to order 1
   * @param disableCorrector numbers of steps whose result the next one does not correct
   */
  public record Config(
      int numTrainTimesteps,
      double flowShift,
      int solverOrder,
      boolean bh2,
      boolean lowerOrderFinal,
      Set<Integer> disableCorrector) {
    public Config {
      disableCorrector = Set.copyOf(disableCorrector);
    }

    public static Config read(ModelConfig json) {
      json.requireText("prediction_type", "flow_prediction");
      json.requireText("final_sigmas_type", "zero");
      if (!json.flag("use_flow_sigmas", false)) {
        throw json.error("use_flow_sigmas false is not supported, only true is");
      }
      if (!json.flag("predict_x0", true)) {
        throw json.error("predict_x0 false is not supported, only true is");
      }
      for (String flag :
          new String[] {
            "thresholding",
            "rescale_betas_zero_snr",
            "use_karras_sigmas",
            "use_exponential_sigmas",
            "use_beta_sigmas",
            "use_dynamic_shifting"
          }) {
        if (json.flag(flag, false)) {
          throw json.error(flag + " true is not supported, only false is");
        }
      }
      for (String key : new String[] {"shift_terminal", "solver_p"}) {
        if (json.has(key)) {
          throw json.error(key + " is not supported, only null is");
        }
      }
      int order = json.integer("solver_order", 2);
      if (order < 1 || order > 3) {
        throw json.error("solver_order " + order + " is not supported, 1, 2 and 3 are");
      }
      String type = json.text("solver_type", "bh2");
      if (!type.equals("bh1") && !type.equals("bh2")) {
        throw json.error("solver_type '" + type + "' is unknown, expected bh1 or bh2");
      }
      Set<Integer> disabled = new TreeSet<>();
      if (json.has("disable_corrector")) {
        for (int step : json.integers("disable_corrector")) {
          disabled.add(step);
        }
      }
      return new Config(
          json.integer("num_train_timesteps", 1000),
          json.number("flow_shift", 1.0),
          order,
          type.equals("bh2"),
          json.flag("lower_order_final", true),
          disabled);
    }

    /** The same with another shift. */
    public Config withFlowShift(double shift) {
      return new Config(
          numTrainTimesteps, shift, solverOrder, bh2, lowerOrderFinal, disableCorrector);
    }
  }

  /** Farther from 1 than this, the first sigma has a finite logarithm of alpha. */
  private static final double LEAST_ALPHA = 1e-6;

  private final Config config;

  public UniPcMultistep(Config config) {
    this.config = config;
  }

  public Config config() {
    return config;
  }

  /** The steps of one generation. */
  public Trajectory trajectory(int steps) {
    float[] sigmas = new float[steps + 1]; // the last is 0
    float[] timesteps = new float[steps];
    double k = config.flowShift;
    double stride = (1.0 / config.numTrainTimesteps - 1) / steps;
    for (int i = 0; i < steps; i++) {
      double u = 1 + i * stride;
      double s = k * u / (1 + (k - 1) * u);
      if (i == 0 && Math.abs(s - 1) < LEAST_ALPHA) {
        s -= LEAST_ALPHA;
      }
      sigmas[i] = (float) s;
      timesteps[i] = (long) (s * config.numTrainTimesteps);
    }
    return new Steps(config, sigmas, timesteps);
  }

  /** A data prediction and where it was made. */
  private record Prediction(Tensor data, double lambda) {}

  /** The history: the last data predictions, and what the last predictor started from. */
  private static final class Steps implements Trajectory {
    private final Config config;
    private final float[] sigmas;
    private final float[] timesteps;
    private final Deque<Prediction> predictions = new ArrayDeque<>(); // newest first
    private Tensor start;
    private int order; // of the last predictor

    Steps(Config config, float[] sigmas, float[] timesteps) {
      this.config = config;
      this.sigmas = sigmas;
      this.timesteps = timesteps;
    }

    @Override
    public int steps() {
      return timesteps.length;
    }

    @Override
    public float timestep(int step) {
      return timesteps[step];
    }

    @Override
    public float sigma(int step) {
      return sigmas[step];
    }

    private double lambda(int step) {
      return Math.log1p(-sigmas[step]) - Math.log(sigmas[step]);
    }

    /** Corrects x with what the model says of it, then predicts the next. x and result float32. */
    @Override
    public Tensor step(int i, Tensor x, Tensor v) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor sample = x.to(DType.FLOAT32);
        Tensor data = sample.sub(v.mul(sigmas[i])); // the product in v's dtype, as the reference
        if (i > 0 && !config.disableCorrector.contains(i - 1) && start != null) {
          sample = correct(i, data);
        }
        remember(new Prediction(data, lambda(i)), sample);
        order = Math.min(config.solverOrder, i + 1);
        if (config.lowerOrderFinal || i == steps() - 1) { // the last step's h is infinite
          order = Math.min(order, steps() - i);
        }
        return scope.keep(predict(i, sample, order));
      }
    }

    /** UniC: the step that led here once more, with the prediction that was made here. */
    private Tensor correct(int i, Tensor data) {
      double h = lambda(i) - predictions.getFirst().lambda;
      double[] r = ratios(order, h);
      double[] rho =
          order == 1
              ? new double[] {0.5}
              : Vandermonde.solve(r, coefficients(order, h), order); // as B(h)/h
      return advance(i, start, h, r, rho, data);
    }

    /** UniP. */
    private Tensor predict(int i, Tensor sample, int p) {
      double next = sigmas[i + 1] == 0 ? Double.POSITIVE_INFINITY : lambda(i + 1);
      double h = next - predictions.getFirst().lambda;
      double[] r = ratios(p, h);
      double[] rho =
          switch (p) {
            case 1 -> new double[0];
            case 2 -> new double[] {0.5};
            default -> Vandermonde.solve(r, coefficients(p, h), p - 1);
          };
      return advance(i + 1, sample, h, r, rho, null);
    }

    /**
     * sigma_to / sigma_from y - alpha_to (phi m + B sum rho_j D_j), with D_j = (m_j - m) / r_j of
     * earlier predictions m_j, and of the one at the end of the step where it is known.
     */
    private Tensor advance(int to, Tensor y, double h, double[] r, double[] rho, Tensor atTheEnd) {
      Tensor m = predictions.getFirst().data;
      double phi = Math.expm1(-h);
      double b = config.bh2 ? phi : -h;
      double alpha = 1 - (double) sigmas[to];
      Tensor out = y.mul((double) sigmas[to] / sigmas[to - 1]).sub(m.mul(alpha * phi));
      int earlier = atTheEnd == null ? rho.length : rho.length - 1;
      int j = 0;
      for (Prediction p : predictions) {
        if (p.data != m && j < earlier) {
          out = out.sub(p.data.sub(m).mul(alpha * b * rho[j] / r[j]));
          j++;
        }
      }
      return atTheEnd == null ? out : out.sub(atTheEnd.sub(m).mul(alpha * b * rho[rho.length - 1]));
    }

    /** (lambda_j - lambda) / h of earlier predictions, and 1 for the end of the step. */
    private double[] ratios(int p, double h) {
      double[] r = new double[p];
      double here = predictions.getFirst().lambda;
      int j = -1;
      for (Prediction prediction : predictions) {
        if (j >= 0 && j < p - 1) {
          r[j] = (prediction.lambda - here) / h;
        }
        j++;
      }
      r[p - 1] = 1;
      return r;
    }

    /** b_j = g_j j! / B with g_1 = phi / -h - 1 and g_{j+1} = g_j / -h - 1 / (j + 1)!. */
    private double[] coefficients(int p, double h) {
      double phi = Math.expm1(-h);
      double scale = config.bh2 ? phi : -h;
      double[] b = new double[p];
      double g = phi / -h - 1;
      double factorial = 1;
      for (int j = 1; j <= p; j++) {
        factorial *= j;
        b[j - 1] = g * factorial / scale;
        g = g / -h - 1 / (factorial * (j + 1));
      }
      return b;
    }

    private void remember(Prediction newest, Tensor sample) {
      TensorScope.detach(newest.data);
      predictions.addFirst(newest);
      if (predictions.size() > config.solverOrder) {
        predictions.removeLast().data.close();
      }
      if (start != null) {
        start.close();
      }
      start = TensorScope.detach(sample.alias());
    }

    @Override
    public void close() {
      predictions.forEach(p -> p.data.close());
      predictions.clear();
      if (start != null) {
        start.close();
        start = null;
      }
    }
  }
}
