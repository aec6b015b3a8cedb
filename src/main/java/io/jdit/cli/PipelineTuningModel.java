package io.jdit.cli;

import io.jdit.cache.CacheConfig;
import io.jdit.cache.CacheField;
import io.jdit.cache.CacheSettings;
import io.jdit.cache.CacheType;
import io.jdit.cache.DualBlockCache;
import io.jdit.cache.DynamicBlockPrune;
import io.jdit.cache.MeteredRunner;
import io.jdit.cache.tune.TuningModel;
import io.jdit.media.Picture;
import io.jdit.metrics.Psnr;
import io.jdit.pipeline.GenerationRequest;
import io.jdit.pipeline.GenerationResult;
import io.jdit.pipeline.Pipeline;
import io.jdit.pipeline.Progress;
import java.util.ArrayList;
import java.util.List;

/** A pipeline under tuning; its uncached pictures and times are kept. */
final class PipelineTuningModel implements TuningModel {
  private record Uncached(Picture picture, double blockMillis) {}

  private final Pipeline pipeline;
  private final MeteredRunner runner;
  private final List<GenerationRequest> requests;
  private final List<Uncached> uncached = new ArrayList<>();

  /**
   * Generates every request without a cache, the first one twice so that its time is that of a warm
   * model.
   *
   * @param runner the runner that {@code pipeline} was loaded with, still direct
   */
  PipelineTuningModel(Pipeline pipeline, MeteredRunner runner, List<GenerationRequest> requests) {
    this.pipeline = pipeline;
    this.runner = runner;
    this.requests = List.copyOf(requests);
    pipeline.generate(requests.get(0), Progress.NONE).close();
    for (GenerationRequest request : requests) {
      try (GenerationResult result = pipeline.generate(request, Progress.NONE)) {
        uncached.add(new Uncached(result.images().get(0), runner.blockMillis()));
      }
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
  public Measurement run(CacheSettings settings, int index) {
    CacheConfig config = CacheConfig.of(settings);
    runner.use(
        settings.get(CacheField.CACHE_TYPE) == CacheType.DBPRUNE
            ? new DynamicBlockPrune(group -> config, null)
            : new DualBlockCache(group -> config, null));
    try (GenerationResult result = pipeline.generate(requests.get(index), Progress.NONE)) {
      Uncached reference = uncached.get(index);
      return new Measurement(
          Psnr.of(reference.picture().rgb(), result.images().get(0).rgb()),
          runner.blockShare(),
          runner.blockMillis(),
          reference.blockMillis());
    }
  }
}
