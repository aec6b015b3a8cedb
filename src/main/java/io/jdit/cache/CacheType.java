package io.jdit.cache;

/** The caching algorithm. */
public enum CacheType {
  /** Skips the middle blocks of a step as a whole: {@link DualBlockCache}. */
  DBCACHE("DBCache"),
  /** Skips single blocks: {@link DynamicBlockPrune}. */
  DBPRUNE("DBPrune"),
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
