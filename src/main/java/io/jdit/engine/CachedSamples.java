package io.jdit.engine;

import io.jdit.cache.BlockCache;
import io.jdit.cache.MeteredAcceleration;
import io.jdit.cache.ResolvedCacheConfig;
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
  private final List<Sample> uncached = new ArrayList<>();

  /**
   * @param engine stays the caller's
   */
  public CachedSamples(Engine engine, List<Values> requests, Console console) {
    this.engine = engine;
    this.requests = requests;
    requests.forEach(engine.parameters()::resolve);
    engine.generate(requests.get(0)).close(); // compiles and packs what the first run would pay for
    for (int i = 0; i < requests.size(); i++) {
      uncached.add(generate(i, null));
      console.info(
          String.format(
              Locale.ROOT,
              "uncached %d/%d: %.0f ms in blocks",
              i + 1,
              requests.size(),
              uncached.get(i).blockMillis()));
    }
  }

  public Sample uncached(int index) {
    return uncached.get(index);
  }

  /** Generates a sample; null settings mean no cache. */
  public Sample generate(int index, ResolvedCacheConfig config) {
    Acceleration.Factory cache =
        config == null ? Acceleration.none() : BlockCache.factory(config, null);
    List<MeteredAcceleration> meters = new ArrayList<>();
    Acceleration.Factory metered =
        outline -> {
          MeteredAcceleration meter = new MeteredAcceleration(cache.begin(outline));
          meters.add(meter);
          return meter;
        };
    try (Result r = engine.generate(requests.get(index), metered, Progress.NONE)) {
      int cached =
          BlockCache.among(meters.stream().map(MeteredAcceleration::inner).toList()).stream()
              .flatMap(c -> c.statistics().stream())
              .findFirst()
              .map(s -> s.conditional().cachedSteps().size())
              .orElse(0);
      return new Sample(
          r.pictures().get(0),
          meters.stream().mapToDouble(MeteredAcceleration::blockMillis).sum(),
          MeteredAcceleration.blockShare(meters),
          r.report().denoiseSteps().stream().mapToDouble(Double::doubleValue).sum(),
          cached);
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

  @Override
  public Measurement run(Values settings, int index) {
    Sample s = generate(index, ResolvedCacheConfig.of(settings));
    Sample reference = uncached.get(index);
    return new Measurement(
        s.psnr(reference), s.blockShare(), s.blockMillis(), reference.blockMillis());
  }
}
