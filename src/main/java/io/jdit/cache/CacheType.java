package io.jdit.cache;

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
}
