package io.jdit.offload;

/** Which layers stay in memory. */
public enum ResidencyPolicy {
  /** The first ones, which a block cache computes in every step. */
  LEADING,
  /** At equal distances, so that there is time to read between two that come and go. */
  STRIDED
}
