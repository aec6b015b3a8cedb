package io.jdit.engine;

import io.jdit.cache.CacheKeys;
import io.jdit.cache.CacheType;
import io.jdit.cache.MeteredAcceleration;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.cache.forecast.ForecastStrategy;
import io.jdit.cache.tune.TuningModel;
import io.jdit.config.Values;
import io.jdit.pipeline.Progress;
import io.jdit.report.Sample;
import io.jdit.transformer.Acceleration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A model with samples to try caches on: every sample is generated once without a cache, and kept.
 */
public final class CachedSamples implements TuningModel {
  private final Engine engine;
  private final List<Values> requests;
  private final Console console;
  private final Sample[] uncached;

  /**
   * @param engine stays the caller's
   */
  public CachedSamples(Engine engine, List<Values> requests, Console console) {
    this.engine = engine;
    this.requests = requests;
    this.console = console;
    this.uncached = new Sample[requests.size()];
    requests.forEach(engine.parameters()::resolve);
    engine.generate(requests.get(0)).close(); // compiles and packs what the first run would pay for
  }

  /** A sample without a cache, which is generated at the first call. */
  public Sample uncached(int index) {
    if (uncached[index] == null) {
      uncached[index] = generate(index, null);
      console.info(
          String.format(
              Locale.ROOT,
              "uncached %d/%d: %.0f ms in blocks",
              index + 1,
              requests.size(),
              uncached[index].blockMillis()));
    }
    return uncached[index];
  }

  /** Generates a sample; null settings mean no cache. */
  public Sample generate(int index, ResolvedCacheConfig config) {
    return generate(engine, requests.get(index), factory(config));
  }

  /** What each step of a sample did to its latents; null settings mean no cache. */
  public StepTrace trace(int index, ResolvedCacheConfig config) {
    return StepTrace.of(engine, requests.get(index), factory(config));
  }

  private Acceleration.Factory factory(ResolvedCacheConfig config) {
    return config == null
        ? Acceleration.none()
        : new ForecastStrategy(config, null, engine.profiles());
  }

  /** Generates a picture and measures what its cache did. */
  static Sample generate(Engine engine, Values request, Acceleration.Factory cache) {
    List<MeteredAcceleration> meters = new ArrayList<>();
    Acceleration.Factory metered =
        outline -> {
          MeteredAcceleration meter = new MeteredAcceleration(cache.begin(outline));
          meters.add(meter);
          return meter;
        };
    try (Result r = engine.generate(request, metered, Progress.NONE)) {
      List<StepCache> caches =
          StepCache.among(meters.stream().map(MeteredAcceleration::inner).toList());
      int cached =
          caches.stream()
              .flatMap(c -> c.statistics().stream())
              .findFirst()
              .map(s -> s.conditional().cachedSteps().size())
              .orElse(0);
      return new Sample(
          r.pictures().get(0),
          meters.stream().mapToDouble(MeteredAcceleration::blockMillis).sum(),
          MeteredAcceleration.blockShare(meters),
          r.report().denoiseSteps().stream().mapToDouble(Double::doubleValue).sum(),
          cached,
          caches.stream().mapToLong(StepCache::peakBytes).sum());
    }
  }

  @Override
  public int steps() {
    return engine.parameters().resolve(requests.get(0)).steps();
  }

  @Override
  public int samples() {
    return requests.size();
  }

  /** The speeds of the model's forecast profile, where it has one. */
  @Override
  public List<Values> further() {
    return engine
        .profiles()
        .find(engine.parameters().resolve(requests.get(0)).values())
        .map(
            p ->
                p.levels().stream()
                    .map(
                        l ->
                            Values.of(CacheKeys.CACHE_TYPE, CacheType.FORECAST)
                                .with(CacheKeys.FORECAST_SPEEDUP, l.speedup()))
                    .toList())
        .orElse(List.of());
  }

  @Override
  public Measurement run(Values settings, int index) {
    Sample s = generate(index, ResolvedCacheConfig.of(settings));
    Sample reference = uncached(index);
    return new Measurement(
        s.psnr(reference), s.blockShare(), s.blockMillis(), reference.blockMillis());
  }
}
