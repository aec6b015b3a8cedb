package io.jdit.cli;

import io.jdit.cache.BlockCache;
import io.jdit.cache.MeteredAcceleration;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.tune.TuningModel;
import io.jdit.config.Values;
import io.jdit.pipeline.GenerationRequest;
import io.jdit.pipeline.GenerationResult;
import io.jdit.pipeline.LoadOptions;
import io.jdit.pipeline.Pipeline;
import io.jdit.pipeline.Pipelines;
import io.jdit.pipeline.Progress;
import io.jdit.report.Sample;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A pipeline with samples to try caches on: every sample is generated once without a cache, and
 * kept.
 */
final class CachedSamples implements TuningModel, AutoCloseable {
  private Acceleration.Factory factory = Acceleration.none();
  private final Pipeline pipeline;
  private final List<GenerationRequest> requests;
  private final List<Sample> uncached = new ArrayList<>();

  CachedSamples(
      Path folder, LoadOptions options, List<GenerationRequest> requests, Terminal terminal) {
    this.requests = requests;
    this.pipeline =
        Pipelines.load(
            folder, options.withAcceleration(o -> new MeteredAcceleration(factory.begin(o))));
    try {
      requests.forEach(pipeline::resolve);
      pipeline
          .generate(requests.get(0), Progress.NONE)
          .close(); // compiles and packs what the first run would pay for
      for (int i = 0; i < requests.size(); i++) {
        uncached.add(generate(i, null));
        terminal.info(
            "uncached %d/%d: %.0f ms in blocks",
            i + 1, requests.size(), uncached.get(i).blockMillis());
      }
    } catch (RuntimeException e) {
      pipeline.close();
      throw e;
    }
  }

  List<GenerationRequest> requests() {
    return requests;
  }

  Sample uncached(int index) {
    return uncached.get(index);
  }

  /** Generates a sample; null settings mean no cache. */
  Sample generate(int index, ResolvedCacheConfig config) {
    factory = config == null ? Acceleration.none() : BlockCache.factory(config, null);
    try (GenerationResult r = pipeline.generate(requests.get(index), Progress.NONE)) {
      MeteredAcceleration meter = (MeteredAcceleration) r.accelerations().get(0);
      int cached =
          meter.inner() instanceof BlockCache c && !c.statistics().isEmpty()
              ? c.statistics().get(0).conditional().cachedSteps().size()
              : 0;
      double denoise = r.report().denoiseSteps().stream().mapToDouble(Double::doubleValue).sum();
      return new Sample(
          r.images().get(0), meter.blockMillis(), meter.blockShare(), denoise, cached);
    }
  }

  @Override
  public int steps() {
    return pipeline.resolve(requests.get(0)).numInferenceSteps();
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

  @Override
  public void close() {
    pipeline.close();
  }
}
