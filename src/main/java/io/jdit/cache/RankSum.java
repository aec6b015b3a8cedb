package io.jdit.cache;

/**
 * Adds numbers up over the ranks that share one sample and one branch, so that all of them decide
 * alike. Never over replicas or over the two calls of classifier-free guidance.
 */
@FunctionalInterface
public interface RankSum {
  /** The sums, equal on all of these ranks. */
  float[] over(float... values);
}
