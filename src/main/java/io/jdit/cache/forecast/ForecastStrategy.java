package io.jdit.cache.forecast;

import io.jdit.cache.BlockCache;
import io.jdit.cache.CacheConfig;
import io.jdit.cache.CacheKeys;
import io.jdit.cache.CacheType;
import io.jdit.cache.QualityTier;
import io.jdit.cache.RankSum;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The cache that a resolved configuration asks for, of blocks or of velocities.
 *
 * @param rankSum adds up over the ranks that share one sample; null where one rank holds it whole
 * @param profiles of the model
 */
public record ForecastStrategy(
    ResolvedCacheConfig resolved, RankSum rankSum, ProfileSource profiles)
    implements Acceleration.Factory {
  @Override
  public Acceleration begin(Acceleration.Outline outline) {
    ResolvedCacheConfig own = resolved.forExpert(outline.expert());
    if (!own.enabled() || own.config().type() != CacheType.FORECAST) {
      return BlockCache.factory(resolved, rankSum).begin(outline);
    }
    Values settings = own.settings();
    Path file = file(settings);
    QualityTier tier = settings.get(CacheKeys.FORECAST_QUALITY);
    if (tier == null) {
      ForecastProfile profile = profiles.require(file, outline.request());
      return begin(outline, settings, profile, settings.get(CacheKeys.FORECAST_SPEEDUP));
    }
    Optional<ForecastProfile> profile =
        file == null
            ? profiles.find(outline.request())
            : Optional.of(profiles.require(file, outline.request()));
    return begin(outline, settings, tier, profile);
  }

  /**
   * Checks what can be before the model is loaded.
   *
   * @param request with the model's defaults filled in
   * @throws ConfigException when the forecast cache was asked for and has no profile for it, or
   *     none of that speed
   */
  public void requireProfile(Values request) {
    Values settings = resolved.settings();
    if (resolved.enabled()
        && resolved.config().type() == CacheType.FORECAST
        && settings.get(CacheKeys.FORECAST_QUALITY) == null) {
      ForecastProfile profile = profiles.require(file(settings), request);
      for (String expert : profile.experts().keySet()) {
        profile.pace(expert, settings.get(CacheKeys.FORECAST_SPEEDUP));
      }
    }
  }

  private static Path file(Values settings) {
    String path = settings.get(CacheKeys.FORECAST_PROFILE);
    return path == null ? null : Path.of(path);
  }

  private Acceleration begin(
      Acceleration.Outline outline,
      Values settings,
      QualityTier tier,
      Optional<ForecastProfile> profile) {
    if (tier == QualityTier.LOSSLESS) {
      return Acceleration.none().begin(outline);
    }
    String start = "quality " + tier.text() + ": ";
    if (profile.isEmpty() || profile.get().levels().stream().allMatch(l -> l.evidence() == null)) {
      profiles.chosen(
          start
              + (profile.isEmpty() ? "no profile" : "a profile without validation")
              + " for this model, steps and guidance, so a cautious DBCache, not measured here: "
              + CacheConfig.of(tier.cautious()).tag());
      return BlockCache.factory(ResolvedCacheConfig.of(tier.cautious()), rankSum).begin(outline);
    }
    Optional<Level> level = profile.get().fastest(tier.psnr());
    if (level.isEmpty()) {
      profiles.chosen(start + "no speed of the profile keeps " + tier.psnr() + " dB, so no cache");
      return Acceleration.none().begin(outline);
    }
    profiles.chosen(start + "forecast cache, " + level.get().evidence().keeping(tier.psnr()));
    return begin(outline, settings, profile.get(), level.get().speedup());
  }

  private ForecastCache begin(
      Acceleration.Outline outline, Values settings, ForecastProfile profile, double speedup) {
    ExpertProfile expert = profile.experts().get(outline.expert());
    if (expert == null) {
      throw new ConfigException(
          "the forecast profile has no "
              + outline.expert()
              + ", only "
              + String.join(", ", profile.experts().keySet())
              + ": make one with jdit tune --calibrate");
    }
    return new ForecastCache(
        outline,
        CacheConfig.of(settings).forGeneration(outline.steps(), outline.calls()),
        new ErrorModel(expert),
        profile.pace(outline.expert(), speedup),
        rankSum,
        List.of());
  }
}
