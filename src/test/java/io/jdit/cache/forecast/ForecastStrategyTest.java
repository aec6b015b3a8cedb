package io.jdit.cache.forecast;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.CacheKeys;
import io.jdit.cache.QualityTier;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.Values;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Which cache a quality stands for. */
class ForecastStrategyTest {
  private static final int STEPS = 12;
  private final List<String> said = new ArrayList<>();

  private static Level level(double speedup, Double bound) {
    return Profiles.level(speedup, 0.01 * speedup, STEPS)
        .with(bound == null ? null : new Evidence(128, speedup, 45, 20, 0.05, bound, 0.95));
  }

  private ProfileSource source(Level... levels) {
    return new ProfileSource() {
      @Override
      public ForecastProfile require(Path file, Values request) {
        return find(request).orElseThrow();
      }

      @Override
      public Optional<ForecastProfile> find(Values request) {
        return levels.length == 0
            ? Optional.empty()
            : Optional.of(Profiles.of(Profiles.random(STEPS, 1), levels));
      }

      @Override
      public void chosen(String line) {
        said.add(line);
      }
    };
  }

  private Acceleration begin(QualityTier tier, Level... levels) {
    CacheFlags flags = new CacheFlags(Values.of(CacheKeys.FORECAST_QUALITY, tier));
    ResolvedCacheConfig resolved = ResolvedCacheConfig.resolve(null, Map.of(), flags);
    return new ForecastStrategy(resolved, null, source(levels))
        .begin(new Acceleration.Outline("transformer", STEPS, 1));
  }

  private static final Level[] VALIDATED = {
    level(1.5, 41.0), level(2, 37.0), level(3, 31.0), level(4, 20.0)
  };

  @Test
  void theFastestLevelThatHoldsIsChosen() {
    try (Acceleration extra = begin(QualityTier.EXTRA_HIGH, VALIDATED);
        Acceleration high = begin(QualityTier.HIGH, VALIDATED)) {
      assertThat(extra).isInstanceOf(ForecastCache.class);
      assertThat(high).isInstanceOf(ForecastCache.class);
    }
    assertThat(said.get(0))
        .isEqualTo(
            "quality extra-high: forecast cache, 2.00x fewer steps; 95 % of new pictures keep 36.0 dB"
                + " (confidence 0.95: of 128 unseen ones the median had 45.0, the worst 20.0)");
    assertThat(said.get(1)).startsWith("quality high: forecast cache, 3.00x fewer steps");
  }

  /** One of many levels looks good by chance: the first that fails ends the choice. */
  @Test
  void aLevelBehindOneThatFailsIsNotChosen() {
    begin(QualityTier.HIGH, level(1.5, 41.0), level(2, 29.0), level(3, 31.0)).close();
    assertThat(said.get(0)).startsWith("quality high: forecast cache, 1.50x fewer steps");
  }

  @Test
  void losslessIsNoCache() {
    assertThat(begin(QualityTier.LOSSLESS, VALIDATED)).isNotInstanceOf(ForecastCache.class);
    assertThat(said).isEmpty();
  }

  @Test
  void withoutAProfileTheCautiousCacheIsSaid() {
    try (Acceleration high = begin(QualityTier.HIGH)) {
      assertThat(high).isInstanceOf(BlockCache.class);
    }
    try (Acceleration high = begin(QualityTier.HIGH, level(2, null))) {
      assertThat(high).isInstanceOf(BlockCache.class);
    }
    assertThat(said.get(0)).contains("no profile for this model").contains("DBCache_F1B0_W8");
    assertThat(said.get(1)).contains("a profile without validation");
  }

  @Test
  void whereNoLevelHoldsNothingIsCached() {
    assertThat(begin(QualityTier.HIGH, level(2, 12.0))).isNotInstanceOf(ForecastCache.class);
    assertThat(said)
        .containsExactly("quality high: no speed of the profile keeps 30.0 dB, so no cache");
  }
}
