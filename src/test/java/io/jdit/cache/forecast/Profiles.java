package io.jdit.cache.forecast;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Profiles of made-up models, for tests. */
final class Profiles {
  private Profiles() {}

  /** The products of velocities that are given by their elements. */
  static GramMatrix gram(int steps, int branches, double[][] velocities) {
    List<double[]> rows = new ArrayList<>();
    for (int i = 0; i < velocities.length; i++) {
      double[] row = new double[i + 1];
      for (int j = 0; j <= i; j++) {
        for (int e = 0; e < velocities[i].length; e++) {
          row[j] += velocities[i][e] * velocities[j][e] / velocities[i].length;
        }
      }
      rows.add(row);
    }
    return new GramMatrix(steps, branches, rows);
  }

  /** Sigmas from 1 to 0 in equal steps. */
  static double[] ladder(int steps) {
    double[] sigmas = new double[steps + 1];
    for (int k = 0; k <= steps; k++) {
      sigmas[k] = 1 - (double) k / steps;
    }
    return sigmas;
  }

  static double[] constant(int count, double value) {
    double[] values = new double[count];
    Arrays.fill(values, value);
    return values;
  }

  /** One branch whose velocities take random ways. */
  static ExpertProfile random(int steps, long seed) {
    Random random = new Random(seed);
    double[][] velocities = new double[steps][16];
    for (int k = 0; k < steps; k++) {
      double pace = 0.05 + random.nextDouble();
      for (int e = 0; e < 16; e++) {
        velocities[k][e] =
            (k == 0 ? 0 : velocities[k - 1][e]) + pace * (0.3 * e / 16 + random.nextGaussian());
      }
    }
    double[] gain = new double[steps];
    for (int k = 0; k < steps; k++) {
      gain[k] = 0.5 + random.nextDouble();
    }
    return new ExpertProfile(
        ladder(steps), new double[] {1}, gain, gram(steps, 1, velocities), Correction.NONE);
  }

  static ForecastProfile of(ExpertProfile expert, Level... levels) {
    return new ForecastProfile(
        new Conditions(
            "0123456789abcdef",
            "float32",
            new Conditions.Size(64, 64, 1),
            Map.of("num_inference_steps", (double) expert.steps())),
        8,
        Map.of("transformer", expert),
        List.of(levels));
  }

  static Level level(double speedup, double price, int steps) {
    return new Level(speedup, price, Map.of("transformer", new double[steps]), null);
  }
}
