package io.jdit.cache.forecast;

import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What one sample shows of a model: the products of its velocities, and what becomes of an error
 * that is made at some of the steps.
 */
final class SampleMeasurement {
  /** Steps of an expert whose gain is measured; between them it is interpolated. */
  private static final int PROBES = 9;

  /**
   * What a sample showed of one expert.
   *
   * @param squaredGains by step
   */
  record Expert(
      GramMatrix gram, double[] sigmas, double[] guidance, Map<Integer, Double> squaredGains) {}

  /** What a sample showed, by expert. */
  record Experts(Map<String, Expert> experts) {}

  private final CalibrationRuns runs;
  private final long memory;
  private final Path spill;

  SampleMeasurement(CalibrationRuns runs, long memory, Path spill) {
    this.runs = runs;
    this.memory = memory;
    this.spill = spill;
  }

  /** One uncached run, and the same with single steps left stale. */
  Experts of(int sample) {
    Map<String, RunRecorder> recorders = new LinkedHashMap<>();
    try {
      float[] latents =
          runs.run(
              sample,
              outline -> {
                RunRecorder recorder = new RunRecorder(new Velocities(memory, spill));
                recorders.put(outline.expert(), recorder);
                return recorder;
              },
              (expert, velocity) -> recorders.get(expert).guided(velocity));
      Map<String, Expert> experts = new LinkedHashMap<>();
      for (String expert : recorders.keySet()) {
        experts.put(expert, measured(sample, expert, recorders, latents));
      }
      return new Experts(experts);
    } finally {
      recorders.values().forEach(r -> r.velocities().close());
    }
  }

  private static void requireForecastable(String expert, Velocities v) {
    if (v.steps() <= Planner.FIRST) {
      throw new IllegalArgumentException(
          "%s computes %s steps: more than %s are needed to forecast one"
              .formatted(expert, v.steps(), Planner.FIRST));
    }
    if (!v.isComplete() || v.branches() > 2) {
      throw new IllegalArgumentException(
          "the guidance branches of %s change during the run: this cannot be calibrated"
              .formatted(expert));
    }
  }

  private Expert measured(
      int sample, String expert, Map<String, RunRecorder> recorders, float[] latents) {
    RunRecorder recorder = recorders.get(expert);
    Velocities v = recorder.velocities();
    requireForecastable(expert, v);
    GramMatrix gram = GramMatrix.of(v.steps(), v.branches(), v.all());
    double[] sigmas = recorder.sigmas();
    double[] guidance = recorder.guidance();
    ErrorModel model =
        new ErrorModel(
            new ExpertProfile(sigmas, guidance, new double[gram.steps()], gram, Correction.NONE));
    Map<Integer, Double> squaredGains = new TreeMap<>();
    for (int step : Gain.probes(gram.steps(), PROBES)) {
      float[] moved = runs.run(sample, stale(expert, step, recorders), (e, g) -> {});
      double injected = model.stale(step);
      squaredGains.put(step, meanSquare(moved, latents) / (injected * injected));
    }
    return new Expert(gram, sigmas, guidance, squaredGains);
  }

  /** Experts before the one in question repeat their run, those after it compute. */
  private static Acceleration.Factory stale(
      String expert, int step, Map<String, RunRecorder> recorders) {
    List<String> order = List.copyOf(recorders.keySet());
    return outline -> {
      int place = Integer.compare(order.indexOf(outline.expert()), order.indexOf(expert));
      return new StaleStep(
          recorders.get(outline.expert()).velocities(),
          place < 0 ? outline.steps() : place == 0 ? step : -1);
    };
  }

  static double meanSquare(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = a[i] - b[i];
      sum += difference * difference;
    }
    return sum / a.length;
  }
}
