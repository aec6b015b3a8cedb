package io.jdit.cache.forecast;

import java.util.Locale;

/**
 * How a level did on prompts and seeds that its choice did not see.
 *
 * @param samples pictures
 * @param speedup uncached steps divided by computed ones, on average
 * @param medianPsnr in dB to the uncached pictures
 * @param worstPsnr of the worst one
 * @param quantile share of new pictures that may be worse than {@code bound}, for example 0.05
 * @param bound dB that all other new pictures reach
 * @param confidence that they do, as these samples are drawn like new ones
 */
public record Evidence(
    int samples,
    double speedup,
    double medianPsnr,
    double worstPsnr,
    double quantile,
    double bound,
    double confidence) {
  /** For people, in one line. */
  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%.2fx fewer steps; of %d unseen pictures the median had %.1f dB, and %.0f %% of new ones"
            + " reach %.1f dB (confidence %.2f)",
        speedup,
        samples,
        medianPsnr,
        100 * (1 - quantile),
        bound,
        confidence);
  }
}
