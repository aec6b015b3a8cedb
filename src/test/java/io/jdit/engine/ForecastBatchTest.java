package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jdit.cache.CacheKeys;
import io.jdit.cache.CacheType;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.cache.forecast.ForecastStrategy;
import io.jdit.config.Values;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.LeakDetector;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Generations that share batches forecast each by itself. */
class ForecastBatchTest {
  private static final List<String> PROMPTS =
      List.of(
          "a red circle on a white background",
          "a large black ring on the left on a orange background");

  private record Outcome(float[] latents, List<Integer> cached, List<Integer> unconditional) {}

  @Test
  void aBatchGivesWhatEachGivesAlone() {
    long live = LeakDetector.live();
    try (Engine engine = Engine.load(Path.of("models/shapes"), Strategies.cpu())) {
      List<Outcome> together = engine.call(() -> run(engine, PROMPTS));
      for (int i = 0; i < PROMPTS.size(); i++) {
        String prompt = PROMPTS.get(i);
        Outcome alone = engine.call(() -> run(engine, List.of(prompt))).get(0);
        assertThat(together.get(i).cached).isEqualTo(alone.cached).hasSizeBetween(10, 20);
        assertThat(together.get(i).unconditional).isEqualTo(alone.cached);
        assertThat(together.get(i).latents).containsExactly(alone.latents, within(1e-3f));
      }
      // Each decided by its own errors.
      assertThat(together.get(0).cached).isNotEqualTo(together.get(1).cached);
    }
    assertThat(LeakDetector.live()).isEqualTo(live);
  }

  private static List<Outcome> run(Engine engine, List<String> prompts) {
    Values settings =
        Values.of(CacheKeys.CACHE_TYPE, CacheType.FORECAST).with(CacheKeys.FORECAST_SPEEDUP, 2.5);
    var strategy = new ForecastStrategy(ResolvedCacheConfig.of(settings), null, engine.profiles());
    List<Generation> generations = new ArrayList<>();
    try {
      for (String prompt : prompts) {
        Values request =
            Values.of(RequestKeys.PROMPT, prompt).with(RequestKeys.SEED, BigInteger.valueOf(11));
        Generation g = engine.begin(engine.parameters().resolve(request), strategy);
        generations.add(g);
        g.encode();
      }
      assertThat(generations.stream().map(Generation::batchKey).distinct()).hasSize(1);
      while (!generations.get(0).done()) {
        Generation.step(generations);
      }
      return generations.stream()
          .map(
              g -> {
                var s = StepCache.among(g.accelerations().values()).get(0).statistics().get(0);
                return new Outcome(
                    g.latents().toFloats(),
                    s.conditional().cachedSteps(),
                    s.unconditional().cachedSteps());
              })
          .toList();
    } finally {
      generations.forEach(Generation::close);
    }
  }
}
