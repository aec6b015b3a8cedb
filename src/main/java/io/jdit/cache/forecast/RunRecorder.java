package io.jdit.cache.forecast;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Acceleration;
import io.jdit.transformer.BlockRunner;
import java.util.ArrayList;
import java.util.List;

/** Computes everything on one expert and records it. */
final class RunRecorder implements Acceleration {
  /** Share of the product of two lengths below which vectors count as parallel. */
  private static final double SINGULAR = 1e-9;

  private final Velocities velocities;
  private final List<Double> sigmas = new ArrayList<>();
  private final double[][] products = new double[2][2];
  private final double[] guided = new double[2];

  /**
   * @param velocities takes what is computed; stays the caller's
   */
  RunRecorder(Velocities velocities) {
    this.velocities = velocities;
  }

  @Override
  public Tensor computed(Call call, Tensor output) {
    velocities.add(call.branch(), output);
    while (sigmas.size() < call.step() + 2) {
      sigmas.add(0.0);
    }
    sigmas.set(call.step(), (double) call.sigma());
    sigmas.set(call.step() + 1, (double) call.nextSigma());
    return output;
  }

  /** Hears what guidance made of the last step's velocities. */
  void guided(Tensor velocity) {
    if (!velocities.isComplete()) {
      return;
    }
    int step = velocities.steps() - 1;
    try (TensorScope scope = TensorScope.open()) {
      Tensor whole = velocity.to(Device.CPU, DType.FLOAT64);
      for (int a = 0; a < velocities.branches(); a++) {
        Tensor left = velocities.get(a, step).to(DType.FLOAT64);
        guided[a] += left.mul(whole).mean().item();
        for (int b = 0; b < velocities.branches(); b++) {
          products[a][b] += left.mul(velocities.get(b, step).to(DType.FLOAT64)).mean().item();
        }
      }
    }
  }

  /**
   * The weights with which the branches come closest to the guided velocity, over all steps: those
   * of guidance where it is linear.
   *
   * @throws IllegalArgumentException when the branches are the same
   */
  double[] guidance() {
    if (velocities.branches() == 1) {
      return new double[] {guided[0] / products[0][0]};
    }
    double[][] p = products;
    double determinant = p[0][0] * p[1][1] - p[0][1] * p[1][0];
    if (determinant < SINGULAR * p[0][0] * p[1][1]) {
      throw new IllegalArgumentException(
          "both guidance branches gave the same: calibrate with another negative prompt");
    }
    return new double[] {
      (guided[0] * p[1][1] - guided[1] * p[0][1]) / determinant,
      (guided[1] * p[0][0] - guided[0] * p[1][0]) / determinant
    };
  }

  double[] sigmas() {
    return sigmas.stream().mapToDouble(Double::doubleValue).toArray();
  }

  Velocities velocities() {
    return velocities;
  }

  @Override
  public BlockRunner runner() {
    return BlockRunner.direct();
  }

  @Override
  public void close() {
    // What it recorded is the calibration's.
  }
}
