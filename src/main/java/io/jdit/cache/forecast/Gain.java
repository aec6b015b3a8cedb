package io.jdit.cache.forecast;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** Numbers that are measured at some steps, for all of them. */
final class Gain {
  private Gain() {}

  /** Steps to measure at, from 1 to the last: closer at the start, where gains change most. */
  static int[] probes(int steps, int count) {
    int last = steps - 1;
    int n = Math.min(count, last);
    int[] probes = new int[n];
    for (int i = 0; i < n; i++) {
      int spread =
          n == 1 ? 1 : 1 + (int) Math.round((last - 1) * Math.pow((double) i / (n - 1), 1.5));
      probes[i] = i == 0 ? 1 : Math.max(probes[i - 1] + 1, spread);
    }
    return probes;
  }

  /**
   * The RMS of the gains at each probe, smoothed over neighbours since few pictures make most of
   * it, then linear between probes.
   *
   * @param squared squares of gains, by step
   */
  static double[] overSteps(Map<Integer, List<Double>> squared, int steps) {
    int[] at = squared.keySet().stream().mapToInt(Integer::intValue).toArray();
    double[] means =
        squared.values().stream()
            .mapToDouble(g -> g.stream().mapToDouble(Double::doubleValue).average().orElseThrow())
            .toArray();
    double[] smooth = new double[means.length];
    for (int i = 0; i < means.length; i++) {
      double before = means[Math.max(0, i - 1)];
      double after = means[Math.min(means.length - 1, i + 1)];
      smooth[i] = Math.sqrt((before + 2 * means[i] + after) / 4);
    }
    double[] gain = new double[steps];
    for (int k = 0; k < steps; k++) {
      gain[k] = interpolated(at, smooth, k);
    }
    return gain;
  }

  private static double interpolated(int[] at, double[] values, int k) {
    int i = Arrays.binarySearch(at, k);
    if (i >= 0) {
      return values[i];
    }
    int right = -i - 1;
    if (right == 0 || right == at.length) {
      return values[right == 0 ? 0 : at.length - 1];
    }
    double share = (double) (k - at[right - 1]) / (at[right] - at[right - 1]);
    return values[right - 1] + share * (values[right] - values[right - 1]);
  }

  /** The median at every step, that of the nearest measured step where there is none. */
  static double[] medians(List<Map<Integer, Double>> runs, int steps) {
    double[] medians = new double[steps];
    for (int k = 0; k < steps; k++) {
      int step = k;
      double[] sorted =
          runs.stream()
              .map(r -> r.get(step))
              .filter(Objects::nonNull)
              .mapToDouble(d -> d)
              .sorted()
              .toArray();
      medians[k] = sorted.length == 0 ? Double.NaN : sorted[sorted.length / 2];
    }
    double[] filled = new double[steps];
    for (int k = 0; k < steps; k++) {
      filled[k] = nearest(medians, k);
    }
    return filled;
  }

  private static double nearest(double[] values, int k) {
    for (int d = 0; d < values.length; d++) {
      if (k - d >= 0 && !Double.isNaN(values[k - d])) {
        return values[k - d];
      }
      if (k + d < values.length && !Double.isNaN(values[k + d])) {
        return values[k + d];
      }
    }
    return 0;
  }
}
