package io.jdit.cache.forecast;

import java.util.Locale;

/**
 * How a level did on prompts and seeds that the calibration did not see, by itself: of several
 * levels one or the other does better than new pictures will.
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
  /** Whether new pictures keep a PSNR in dB, with at least the wanted confidence. */
  boolean keeps(double psnr, double wanted) {
    return bound >= psnr && confidence >= wanted;
  }

  /**
   * What is known of a level that {@link ForecastProfile#fastest} chose, in one line. It promises
   * the PSNR that was asked for and not {@code bound}, which the choice has flattered.
   */
  public String keeping(double psnr) {
    return String.format(
        Locale.ROOT,
        "%.2fx fewer steps; %.0f %% of new pictures keep %.1f dB (confidence %.2f: of %d unseen ones"
            + " the median had %.1f, the worst %.1f)",
        speedup,
        100 * (1 - quantile),
        psnr,
        confidence,
        samples,
        medianPsnr,
        worstPsnr);
  }
}
