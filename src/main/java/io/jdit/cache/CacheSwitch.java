package io.jdit.cache;

import io.jdit.config.ValueType;

/** What {@code --cache} says: whether there is one, and of which type. */
public enum CacheSwitch {
  /** Of the type that the other settings say. */
  ON("true", null),
  OFF("false", null),
  DBCACHE("dbcache", CacheType.DBCACHE),
  DBPRUNE("dbprune", CacheType.DBPRUNE),
  FORECAST("forecast", CacheType.FORECAST);

  static final ValueType<CacheSwitch> TYPE = ValueType.choice(CacheSwitch.class, s -> s.text);

  private final String text;
  private final CacheType type;

  CacheSwitch(String text, CacheType type) {
    this.text = text;
    this.type = type;
  }

  public static CacheSwitch of(boolean on) {
    return on ? ON : OFF;
  }

  /** Null where it says nothing of it. */
  CacheType type() {
    return type;
  }
}
