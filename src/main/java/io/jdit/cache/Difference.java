package io.jdit.cache;

/**
 * How far the current tensor of a call is from that of the last computed call. {@link CacheContext}
 * asks in this order and only as far as its decision needs.
 */
public interface Difference {
  /** False before the first computed call of the branch. */
  boolean hasPrevious();

  boolean sameShape();

  /** mean(|previous - current|) / mean(|previous|); NaN and infinity are answers like any other. */
  double measure();
}
