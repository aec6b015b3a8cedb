package io.jdit.cache;

import io.jdit.config.Key;

/** The caching algorithm. */
public enum CacheType {
  /** Skips the middle blocks of a step as a whole: {@link DualBlockCache}. */
  DBCACHE("DBCache"),
  /** Skips single blocks: {@link DynamicBlockPrune}. */
  DBPRUNE("DBPrune"),
  /** Forecasts what the transformer gives: {@link io.jdit.cache.forecast.ForecastCache}. */
  FORECAST("Forecast"),
  /** No caching. */
  NONE("none");

  private final String text;

  CacheType(String text) {
    this.text = text;
  }

  public String text() {
    return text;
  }

  /** Whether a field of the configuration has a meaning with this type. */
  boolean reads(Key<?> key) {
    if (key == CacheKeys.CACHE_TYPE) {
      return true;
    }
    return this == FORECAST
        ? isForecastOnly(key)
        : !isForecastOnly(key) && (this == DBPRUNE || !isPruneOnly(key));
  }

  /**
   * Why another type does not read a field.
   *
   * @param setting how the type is set, for example {@code cache_type: }
   */
  static String whyUnread(Key<?> key, String setting) {
    return isForecastOnly(key)
        ? " needs " + setting + FORECAST.text
        : isPruneOnly(key)
            ? " needs " + setting + DBPRUNE.text
            : " has no meaning with " + setting + FORECAST.text;
  }

  private static boolean isForecastOnly(Key<?> key) {
    return key.name().startsWith("forecast_");
  }

  private static boolean isPruneOnly(Key<?> key) {
    return key.name().contains("prune") || key == CacheKeys.FORCE_REDUCE_CALIBRATOR_VRAM;
  }
}
