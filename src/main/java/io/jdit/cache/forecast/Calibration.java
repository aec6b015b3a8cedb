package io.jdit.cache.forecast;

import io.jdit.cache.CacheConfig;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * Makes a profile of a model from uncached runs: products of the velocities, the gain of an error
 * at some of the steps, and for a few speeds what errors are usual when steps are forecast.
 */
public final class Calibration {
  /** Speeds that a profile is made ready for, as far as its steps allow them. */
  private static final double[] SPEEDUPS = {1.5, 2, 2.5, 3, 3.5, 4, 5};

  /** Steps of an expert whose gain is measured; between them it is interpolated. */
  private static final int PROBES = 9;

  private final CalibrationRuns runs;
  private final Conditions conditions;
  private final long memory;
  private final Path spill;
  private final Consumer<String> progress;
  private final Map<String, Statistics> experts = new LinkedHashMap<>();

  /** What is gathered of one expert. */
  private static final class Statistics {
    private final List<GramMatrix> grams = new ArrayList<>();
    private final Map<Integer, List<Double>> squaredGains = new TreeMap<>();
    private double[] sigmas;
    private double[] guidance;

    ExpertProfile profile(double[] gain) {
      return new ExpertProfile(sigmas, guidance, gain, GramMatrix.mean(grams));
    }

    ExpertProfile profile() {
      return profile(Gain.overSteps(squaredGains, grams.get(0).steps()));
    }
  }

  /**
   * @param memory bytes of velocities that may be held; the rest lies in files
   * @param spill folder for these files
   * @param progress hears one line now and then
   */
  public Calibration(
      CalibrationRuns runs,
      Conditions conditions,
      long memory,
      Path spill,
      Consumer<String> progress) {
    this.runs = runs;
    this.conditions = conditions;
    this.memory = memory;
    this.spill = spill;
    this.progress = progress;
  }

  /**
   * Runs it.
   *
   * @throws IllegalArgumentException when the model's steps cannot be forecast, saying why
   */
  public ForecastProfile run() {
    for (int i = 0; i < runs.samples(); i++) {
      measure(i);
      progress.accept("calibration %s/%s".formatted(i + 1, runs.samples()));
    }
    Map<String, ExpertProfile> profiles = new LinkedHashMap<>();
    experts.forEach((name, s) -> profiles.put(name, s.profile()));
    List<Level> levels = new ArrayList<>();
    for (double speedup : SPEEDUPS) {
      Level level = level(profiles, speedup);
      if (level != null) {
        levels.add(level);
        progress.accept("level %s done".formatted(speedup));
      }
    }
    return new ForecastProfile(conditions, runs.samples(), profiles, levels);
  }

  /** One uncached run, and the same with single steps left stale. */
  private void measure(int sample) {
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
      recorders.forEach(this::add);
      for (String expert : recorders.keySet()) {
        gains(sample, expert, recorders, latents);
      }
    } finally {
      recorders.values().forEach(r -> r.velocities().close());
    }
  }

  private void add(String expert, RunRecorder recorder) {
    Velocities v = recorder.velocities();
    requireForecastable(expert, v);
    Statistics s = experts.computeIfAbsent(expert, e -> new Statistics());
    s.grams.add(GramMatrix.of(v.steps(), v.branches(), v.all()));
    s.sigmas = recorder.sigmas();
    s.guidance = recorder.guidance();
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

  private void gains(
      int sample, String expert, Map<String, RunRecorder> recorders, float[] latents) {
    Statistics statistics = experts.get(expert);
    double[] flat = new double[recorders.get(expert).velocities().steps()];
    Arrays.fill(flat, 1);
    GramMatrix own = statistics.grams.get(statistics.grams.size() - 1);
    ErrorModel model =
        new ErrorModel(new ExpertProfile(statistics.sigmas, statistics.guidance, flat, own));
    for (int step : Gain.probes(own.steps(), PROBES)) {
      float[] moved = runs.run(sample, stale(expert, step, recorders), (e, v) -> {});
      double injected = model.cost(step, step - 1, ErrorModel.NONE);
      statistics
          .squaredGains
          .computeIfAbsent(step, s -> new ArrayList<>())
          .add(meanSquare(moved, latents) / (injected * injected));
    }
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

  private static double meanSquare(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = a[i] - b[i];
      sum += difference * difference;
    }
    return sum / a.length;
  }

  /** Null when the steps do not allow that speed. */
  private Level level(Map<String, ExpertProfile> profiles, double speedup) {
    List<Planner> planners =
        profiles.values().stream().map(p -> new Planner(new ErrorModel(p))).toList();
    if (Planner.speedup(planners, Planner.HIGHEST) < speedup) {
      return null;
    }
    double price = Planner.price(planners, speedup);
    Map<String, double[]> norm = new LinkedHashMap<>();
    profiles.forEach((name, p) -> norm.put(name, new double[p.steps()]));
    List<ForecastCache> fixed = runAll(profiles, price, norm, false);
    profiles.forEach(
        (name, p) ->
            norm.put(
                name,
                Gain.medians(
                    fixed.stream()
                        .filter(c -> c.expert().equals(name))
                        .map(ForecastCache::surprises)
                        .toList(),
                    p.steps())));
    return new Level(measuredSpeedup(runAll(profiles, price, norm, true)), price, norm, null);
  }

  private List<ForecastCache> runAll(
      Map<String, ExpertProfile> profiles,
      double price,
      Map<String, double[]> norm,
      boolean adaptive) {
    List<ForecastCache> caches = new ArrayList<>();
    for (int i = 0; i < runs.samples(); i++) {
      runs.run(
          i,
          outline -> {
            ForecastCache cache =
                new ForecastCache(
                    outline,
                    CacheConfig.defaults(),
                    new ErrorModel(profiles.get(outline.expert())),
                    new Pace(price, norm.get(outline.expert()), adaptive),
                    null,
                    List.of());
            caches.add(cache);
            return cache;
          },
          (e, v) -> {});
    }
    return caches;
  }

  private static double measuredSpeedup(List<ForecastCache> caches) {
    int steps = caches.stream().mapToInt(ForecastCache::executedSteps).sum();
    return (double) steps / (steps - caches.stream().mapToInt(ForecastCache::cachedSteps).sum());
  }
}
