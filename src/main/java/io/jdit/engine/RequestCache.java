package io.jdit.engine;

import io.jdit.cache.CacheFlags;
import io.jdit.cache.CacheKeys;
import io.jdit.cache.CacheSwitch;
import io.jdit.cache.CacheType;
import io.jdit.cache.QualityTier;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.ConfigException;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.Values;
import io.jdit.engine.serve.CacheChoice;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;

/** The cache that one request asks for. */
public final class RequestCache {
  /** How errors name the settings. */
  private static final String NAME = "cache_dit_params";

  private RequestCache() {}

  /** The cache of a quality. */
  public static CacheChoice of(QualityTier tier) {
    return new CacheChoice(
        tier != QualityTier.LOSSLESS,
        Map.of(
            CacheKeys.CACHE_TYPE.name(),
            CacheType.FORECAST.text(),
            CacheKeys.FORECAST_QUALITY.name(),
            tier.text()));
  }

  /**
   * @throws ConfigException naming an unknown key or a value that cannot be used
   */
  public static ResolvedCacheConfig resolve(CacheChoice choice) {
    SettingsFile file =
        choice.settings().isEmpty()
            ? null
            : SettingsFile.parse(
                JsonMapper.shared()
                    .writeValueAsString(Map.of(SettingsFile.CACHE, choice.settings())),
                NAME,
                UnknownKeys.REJECT);
    return ResolvedCacheConfig.resolve(
        file, Map.of(), new CacheFlags(Values.of(CacheKeys.CACHE, CacheSwitch.of(choice.on()))));
  }
}
