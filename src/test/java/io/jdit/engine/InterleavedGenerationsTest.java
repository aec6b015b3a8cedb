package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.cache.StepCache;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.media.Picture;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.LeakDetector;
import io.jdit.testing.Fixture;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Generations that take turns on one model give what each gives alone, bit for bit. */
class InterleavedGenerationsTest {
  private record Case(Values request, Acceleration.Factory acceleration) {}

  private record Outcome(byte[] latents, byte[] rgb, List<String> cachedSteps) {}

  private static final List<Case> CASES =
      List.of(
          new Case(
              Requests.small("a red fox", 64, 96, 12, 32)
                  .with(RequestKeys.SEED, BigInteger.valueOf(3)),
              cache("{Fn_compute_blocks: 1, max_warmup_steps: 2, residual_diff_threshold: 0.4}")),
          new Case(
              Requests.small("a blue whale under water", 48, 48, 8, 24)
                  .with(RequestKeys.SEED, BigInteger.valueOf(4))
                  .with(RequestKeys.NEGATIVE_PROMPT, "blurry")
                  .with(RequestKeys.TRUE_CFG_SCALE, 2.5),
              cache(
                  "{Fn_compute_blocks: 2, Bn_compute_blocks: 1, max_warmup_steps: 3,"
                      + " residual_diff_threshold: 0.6, enable_taylorseer: true}")),
          new Case(
              Requests.small("a red fox", 64, 64, 5, 32)
                  .with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, 2),
              Acceleration.none()));

  private static Acceleration.Factory cache(String yaml) {
    SettingsFile file = SettingsFile.parse("cache_config: " + yaml, "test", UnknownKeys.REJECT);
    return BlockCache.factory(ResolvedCacheConfig.resolve(file, Map.of(), CacheFlags.none()), null);
  }

  @Test
  void turnsChangeNothing() {
    long live = LeakDetector.live();
    try (Fixture f = new Fixture("flux1-dev-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      List<Outcome> alone = new ArrayList<>();
      for (Case c : CASES) {
        alone.addAll(engine.call(() -> run(engine, List.of(c))));
      }
      List<Outcome> together = engine.call(() -> run(engine, CASES));
      for (int i = 0; i < CASES.size(); i++) {
        assertThat(together.get(i).latents).isEqualTo(alone.get(i).latents);
        assertThat(together.get(i).rgb).isEqualTo(alone.get(i).rgb);
        assertThat(together.get(i).cachedSteps).isEqualTo(alone.get(i).cachedSteps);
      }
      assertThat(alone.get(0).cachedSteps.get(0)).isNotEqualTo("[]");
      assertThat(alone.get(1).cachedSteps).doesNotContain("[]");
    }
    assertThat(LeakDetector.live()).isEqualTo(live);
  }

  /** A step of each in turn, until all are done. */
  private static List<Outcome> run(Engine engine, List<Case> cases) {
    List<Generation> generations = new ArrayList<>();
    try {
      for (Case c : cases) {
        Generation g = engine.begin(engine.parameters().resolve(c.request), c.acceleration);
        generations.add(g);
        g.encode();
      }
      while (generations.stream().anyMatch(g -> !g.done())) {
        generations.stream().filter(g -> !g.done()).forEach(Generation::step);
      }
      List<Outcome> outcomes = new ArrayList<>();
      for (Generation g : generations) {
        List<Picture> pictures = new ArrayList<>();
        g.decode((output, frame, picture) -> pictures.add(picture));
        outcomes.add(
            new Outcome(
                g.latents().toBytes(),
                pictures.get(pictures.size() - 1).rgb(),
                StepCache.among(List.copyOf(g.accelerations().values())).stream()
                    .flatMap(b -> b.statistics().stream())
                    .flatMap(s -> List.of(s.conditional(), s.unconditional()).stream())
                    .filter(b -> !b.residualDiffs().isEmpty())
                    .map(b -> b.cachedSteps().toString())
                    .toList()));
      }
      return outcomes;
    } finally {
      generations.forEach(Generation::close);
    }
  }
}
