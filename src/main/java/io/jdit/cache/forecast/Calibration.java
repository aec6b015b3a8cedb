package io.jdit.cache.forecast;

import io.jdit.cache.CacheConfig;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.ArrayList;
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

  private static final double SMALLEST = 1e-20; // no division by 0

  /** Speed at which corrections are tried. */
  private static final double TRIAL = 2;

  private final CalibrationRuns runs;
  private final Conditions conditions;
  private final SampleMeasurement measurement;
  private final Notes notes;
  private final Consumer<String> progress;

  /** Mean squared differences of a sample's final latents to those of the uncached run. */
  record Trial(double plain, double corrected) {}

  /**
   * @param memory bytes of velocities that may be held; the rest lies in files
   * @param spill folder for these files
   * @param notes of what was measured before, on the same samples
   * @param progress hears one line now and then
   */
  public Calibration(
      CalibrationRuns runs,
      Conditions conditions,
      long memory,
      Path spill,
      Notes notes,
      Consumer<String> progress) {
    this.runs = runs;
    this.conditions = conditions;
    this.measurement = new SampleMeasurement(runs, memory, spill);
    this.notes = notes;
    this.progress = progress;
  }

  /**
   * Runs it.
   *
   * @throws IllegalArgumentException when the model's steps cannot be forecast, saying why
   */
  public ForecastProfile run() {
    List<Map<String, SampleMeasurement.Expert>> measured = new ArrayList<>();
    for (int i = 0; i < runs.samples(); i++) {
      int sample = i;
      measured.add(
          notes
              .next(
                  SampleMeasurement.Experts.class,
                  () -> {
                    SampleMeasurement.Experts experts = measurement.of(sample);
                    progress.accept("calibration %s/%s".formatted(sample + 1, runs.samples()));
                    return experts;
                  })
              .experts());
    }
    Map<String, ExpertProfile> plain = new LinkedHashMap<>();
    for (String expert : measured.get(0).keySet()) {
      plain.put(expert, profile(measured.stream().map(m -> m.get(expert)).toList()));
    }
    Map<String, ExpertProfile> profiles = better(plain, corrected(plain));
    List<Level> levels = new ArrayList<>();
    for (double speedup : SPEEDUPS) {
      if (possible(profiles, speedup)) {
        levels.add(
            notes.next(
                Level.class,
                () -> {
                  Level level = level(profiles, speedup);
                  progress.accept("level %s done".formatted(speedup));
                  return level;
                }));
      }
    }
    return new ForecastProfile(conditions, runs.samples(), profiles, levels);
  }

  private static ExpertProfile profile(List<SampleMeasurement.Expert> samples) {
    Map<Integer, List<Double>> squaredGains = new TreeMap<>();
    samples.forEach(
        s ->
            s.squaredGains()
                .forEach(
                    (step, g) ->
                        squaredGains.computeIfAbsent(step, k -> new ArrayList<>()).add(g)));
    SampleMeasurement.Expert last = samples.get(samples.size() - 1);
    return new ExpertProfile(
        last.sigmas(),
        last.guidance(),
        Gain.overSteps(squaredGains, last.gram().steps()),
        GramMatrix.mean(samples.stream().map(SampleMeasurement.Expert::gram).toList()),
        Correction.NONE);
  }

  private static Map<String, ExpertProfile> corrected(Map<String, ExpertProfile> plain) {
    Map<String, ExpertProfile> corrected = new LinkedHashMap<>();
    plain.forEach(
        (name, p) -> corrected.put(name, p.with(Correction.suiting(p.gram().branches()))));
    return corrected;
  }

  /**
   * Those whose runs end closer to uncached ones, by the mean square over the samples. Corrections
   * suppose steps that move the latents by their width times the velocity; schedulers of higher
   * order and guidance that is not linear do so about.
   */
  private Map<String, ExpertProfile> better(
      Map<String, ExpertProfile> plain, Map<String, ExpertProfile> corrected) {
    if (!possible(plain, TRIAL)) {
      return corrected;
    }
    double plainError = 0;
    double correctedError = 0;
    for (int i = 0; i < runs.samples(); i++) {
      int sample = i;
      Trial trial =
          notes.next(
              Trial.class,
              () -> {
                float[] uncached = runs.run(sample, Acceleration.none(), (e, v) -> {});
                return new Trial(
                    SampleMeasurement.meanSquare(tried(plain, sample), uncached),
                    SampleMeasurement.meanSquare(tried(corrected, sample), uncached));
              });
      plainError += trial.plain;
      correctedError += trial.corrected;
    }
    progress.accept(
        "corrections leave %.0f %% of the error"
            .formatted(100 * Math.sqrt(correctedError / Math.max(plainError, SMALLEST))));
    return correctedError <= plainError ? corrected : plain;
  }

  private float[] tried(Map<String, ExpertProfile> profiles, int sample) {
    double price = Planner.price(planners(profiles), TRIAL);
    return runs.run(
        sample, caches(profiles, price, noNorm(profiles), false, c -> {}), (e, v) -> {});
  }

  private static List<Planner> planners(Map<String, ExpertProfile> profiles) {
    return profiles.values().stream().map(p -> new Planner(new ErrorModel(p))).toList();
  }

  private static boolean possible(Map<String, ExpertProfile> profiles, double speedup) {
    return Planner.speedup(planners(profiles), Planner.HIGHEST) >= speedup;
  }

  private static Map<String, double[]> noNorm(Map<String, ExpertProfile> profiles) {
    Map<String, double[]> norm = new LinkedHashMap<>();
    profiles.forEach((name, p) -> norm.put(name, new double[p.steps()]));
    return norm;
  }

  private Level level(Map<String, ExpertProfile> profiles, double speedup) {
    double price = Planner.price(planners(profiles), speedup);
    List<ForecastCache> fixed = runAll(profiles, price, noNorm(profiles), false);
    Map<String, double[]> norm = new LinkedHashMap<>();
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
    List<ForecastCache> made = new ArrayList<>();
    for (int i = 0; i < runs.samples(); i++) {
      runs.run(i, caches(profiles, price, norm, adaptive, made::add), (e, v) -> {});
    }
    return made;
  }

  private static Acceleration.Factory caches(
      Map<String, ExpertProfile> profiles,
      double price,
      Map<String, double[]> norm,
      boolean adaptive,
      Consumer<ForecastCache> made) {
    return outline -> {
      ForecastCache cache =
          new ForecastCache(
              outline,
              CacheConfig.defaults(),
              new ErrorModel(profiles.get(outline.expert())),
              new Pace(price, norm.get(outline.expert()), adaptive),
              null,
              List.of());
      made.accept(cache);
      return cache;
    };
  }

  private static double measuredSpeedup(List<ForecastCache> caches) {
    int steps = caches.stream().mapToInt(ForecastCache::executedSteps).sum();
    return (double) steps / (steps - caches.stream().mapToInt(ForecastCache::cachedSteps).sum());
  }
}
