package io.jdit.cache;

import io.jdit.config.ValueType;
import io.jdit.config.Values;

/** How much a picture may differ from the uncached one. */
public enum QualityTier {
  LOSSLESS("lossless", Double.POSITIVE_INFINITY, 0, 0, 0),
  EXTRA_HIGH("extra-high", 36, 8, 0.06, 1),
  HIGH("high", 30, 8, 0.12, 2),
  DRAFT("draft", 25, 4, 0.24, 3);

  static final ValueType<QualityTier> TYPE = ValueType.choice(QualityTier.class, QualityTier::text);

  private final String text;
  private final double psnr;
  private final int warmup;
  private final double threshold;
  private final int continuous;

  QualityTier(String text, double psnr, int warmup, double threshold, int continuous) {
    this.text = text;
    this.psnr = psnr;
    this.warmup = warmup;
    this.threshold = threshold;
    this.continuous = continuous;
  }

  public String text() {
    return text;
  }

  /** Decibels that 95 % of new pictures reach, as far as a profile's validation can tell. */
  public double psnr() {
    return psnr;
  }

  /** DBCache for models that nothing is known of: a guess by the field's usual settings. */
  public Values cautious() {
    return Values.of(CacheKeys.FN_COMPUTE_BLOCKS, 1)
        .with(CacheKeys.MAX_WARMUP_STEPS, warmup)
        .with(CacheKeys.RESIDUAL_DIFF_THRESHOLD, threshold)
        .with(CacheKeys.MAX_CONTINUOUS_CACHED_STEPS, continuous);
  }
}
