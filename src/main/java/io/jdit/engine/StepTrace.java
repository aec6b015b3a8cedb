package io.jdit.engine;

import io.jdit.cache.CacheStatistics;
import io.jdit.cache.StepCache;
import io.jdit.config.Values;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.Request;
import io.jdit.report.StepTable;
import io.jdit.transformer.Acceleration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * The latents of one generation after each step, and which steps came from a cache.
 *
 * @param latents float32, a whole tensor for every step
 * @param cached whether the first block group served the step's conditional call from the cache
 */
public record StepTrace(List<float[]> latents, List<Boolean> cached) {
  /** Generates without decoding. */
  public static StepTrace of(Engine engine, Values values, Acceleration.Factory acceleration) {
    Request request = engine.parameters().resolve(values);
    return engine.call(
        request,
        () -> {
          StepTrace trace = new StepTrace(new ArrayList<>(), new ArrayList<>());
          try (Generation generation = engine.begin(request, acceleration)) {
            generation.encode();
            while (!generation.done()) {
              int before = cachedSteps(generation.accelerations().values());
              generation.step();
              trace.latents.add(generation.latents().toFloats());
              trace.cached.add(cachedSteps(generation.accelerations().values()) > before);
            }
          }
          return trace;
        });
  }

  private static int cachedSteps(Collection<Acceleration> accelerations) {
    return StepCache.among(accelerations).stream()
        .flatMap(c -> c.statistics().stream().limit(1))
        .map(CacheStatistics::conditional)
        .mapToInt(c -> c.cachedSteps().size())
        .sum();
  }

  /** How far this is from another generation of the same request after each step. */
  public StepTable.Column column(String name, StepTrace reference) {
    List<Double> differences = new ArrayList<>();
    for (int i = 0; i < latents.size(); i++) {
      differences.add(rmsDifference(latents.get(i), reference.latents.get(i)));
    }
    return new StepTable.Column(name, differences, cached);
  }

  private static double rmsDifference(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      double difference = (double) a[i] - b[i];
      sum += difference * difference;
    }
    return Math.sqrt(sum / a.length);
  }
}
