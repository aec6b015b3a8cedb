package io.jdit.engine;

import io.jdit.cache.CacheKeys;
import io.jdit.cache.CacheType;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.forecast.Evidence;
import io.jdit.cache.forecast.ForecastProfile;
import io.jdit.cache.forecast.ForecastStrategy;
import io.jdit.cache.forecast.Level;
import io.jdit.cache.forecast.ProfileFile;
import io.jdit.cache.forecast.ProfileSource;
import io.jdit.config.Values;
import io.jdit.metrics.Median;
import io.jdit.metrics.QuantileBound;
import io.jdit.report.Sample;
import io.jdit.transformer.Acceleration;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Makes the forecast profile of a model: calibrates on some requests, and tries every level on the
 * others, which says what is to be expected of new pictures. The profile is written as soon as it
 * is calibrated; a file beside it keeps what was measured, so that a task that was killed goes on
 * where it was.
 */
public final class ProfileMaking {
  /** Requests that are calibrated on when there are more than {@link #MOST_CALIBRATED}. */
  private static final int CALIBRATED = 12;

  private static final int MOST_CALIBRATED = 16;
  private static final int LEAST_CALIBRATED = 4;
  private static final double SHARE = 0.05;

  private final Engine engine;
  private final List<Values> calibration;
  private final List<Values> validation;
  private final Path file;
  private final Consumer<String> progress;
  private final String task;

  /**
   * @param requests that differ in prompt and seed
   * @param file the profile
   * @throws IllegalArgumentException when they are too few
   */
  public ProfileMaking(Engine engine, List<Values> requests, Path file, Consumer<String> progress) {
    if (requests.size() < LEAST_CALIBRATED) {
      throw new IllegalArgumentException(
          "--calibrate needs at least %s prompts or seeds, better 8 to 16; got %s"
              .formatted(LEAST_CALIBRATED, requests.size()));
    }
    int first = requests.size() > MOST_CALIBRATED ? CALIBRATED : requests.size();
    this.engine = engine;
    this.calibration = requests.subList(0, first);
    this.validation = requests.subList(first, requests.size());
    this.file = file;
    this.progress = progress;
    this.task = "profile 2 " + engine.profiles().task(requests);
  }

  /** Runs what is still to be done. */
  public ForecastProfile run() throws IOException {
    ResultJournal journal = new ResultJournal(ResultJournal.beside(file), task);
    if (!journal.results().isEmpty()) {
      progress.accept("going on after " + journal.results().size() + " results");
    }
    ForecastProfile profile = new EngineCalibration(engine, calibration).run(journal, progress);
    ProfileFile.write(profile, file);
    if (!validation.isEmpty()) {
      profile = validated(profile, journal);
      ProfileFile.write(profile, file);
    }
    journal.delete();
    return profile;
  }

  /** What more requests would be good for; null when there are enough. */
  public String more() {
    int unseen = QuantileBound.least(SHARE, ForecastProfile.CONFIDENCE);
    return validation.size() >= unseen
        ? null
        : "%s unseen pictures promise nothing with a confidence of %s: give %s prompts or seeds, %s to calibrate on and %s to validate"
            .formatted(
                validation.size(),
                ForecastProfile.CONFIDENCE,
                CALIBRATED + unseen,
                CALIBRATED,
                unseen);
  }

  /** PSNR and computed share of a picture, for each level. */
  private record Outcome(double[] psnr, double[] share) {}

  private ForecastProfile validated(ForecastProfile profile, ResultJournal journal) {
    List<Outcome> outcomes = new ArrayList<>();
    for (int i = 0; i < validation.size(); i++) {
      int sample = i;
      outcomes.add(
          journal.next(
              Outcome.class,
              () -> {
                Outcome outcome = outcome(profile, validation.get(sample));
                progress.accept("validation %s/%s".formatted(sample + 1, validation.size()));
                return outcome;
              }));
    }
    List<Level> levels = new ArrayList<>();
    for (int l = 0; l < profile.levels().size(); l++) {
      levels.add(profile.levels().get(l).with(evidence(outcomes, l)));
    }
    return profile.withLevels(levels);
  }

  private Outcome outcome(ForecastProfile profile, Values request) {
    Sample reference = CachedSamples.generate(engine, request, Acceleration.none());
    int count = profile.levels().size();
    Outcome outcome = new Outcome(new double[count], new double[count]);
    for (int l = 0; l < count; l++) {
      Values settings =
          Values.of(CacheKeys.CACHE_TYPE, CacheType.FORECAST)
              .with(CacheKeys.FORECAST_SPEEDUP, profile.levels().get(l).speedup());
      Sample run =
          CachedSamples.generate(
              engine,
              request,
              new ForecastStrategy(
                  ResolvedCacheConfig.of(settings), null, ProfileSource.of(profile)));
      outcome.psnr[l] = Math.min(100, run.psnr(reference));
      outcome.share[l] = run.blockShare();
    }
    return outcome;
  }

  private static Evidence evidence(List<Outcome> outcomes, int level) {
    double[] psnr = outcomes.stream().mapToDouble(o -> o.psnr[level]).toArray();
    double share = outcomes.stream().mapToDouble(o -> o.share[level]).average().orElseThrow();
    QuantileBound bound = QuantileBound.of(psnr, SHARE, ForecastProfile.CONFIDENCE);
    return new Evidence(
        psnr.length,
        1 / share,
        Median.of(Arrays.stream(psnr).boxed().toList()),
        Arrays.stream(psnr).min().orElseThrow(),
        SHARE,
        bound.value(),
        bound.confidence());
  }
}
