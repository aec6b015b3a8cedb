package io.jdit.report;

import io.jdit.media.Picture;
import io.jdit.metrics.GradientSimilarity;
import io.jdit.metrics.MultiScaleSsim;
import io.jdit.metrics.Psnr;
import io.jdit.metrics.Ssim;

/**
 * A generation that is compared with others of the same request.
 *
 * @param blockMillis time spent in transformer blocks
 * @param blockShare blocks that ran divided by those that run uncached
 * @param cachedSteps steps that the first block group served from the cache for the conditional
 *     call
 * @param cacheBytes that the cache held at most
 */
public record Sample(
    Picture picture,
    double blockMillis,
    double blockShare,
    double denoiseMillis,
    int cachedSteps,
    long cacheBytes) {
  /** In dB, infinite for equal pictures. */
  public double psnr(Sample reference) {
    return Psnr.of(picture.rgb(), reference.picture.rgb());
  }

  public double multiScaleSsim(Sample reference) {
    return MultiScaleSsim.of(
        picture.rgb(), reference.picture.rgb(), picture.width(), picture.height());
  }

  public double gradientSimilarity(Sample reference) {
    return GradientSimilarity.of(
        picture.rgb(), reference.picture.rgb(), picture.width(), picture.height());
  }

  public double ssim(Sample reference) {
    return Ssim.of(picture.rgb(), reference.picture.rgb(), picture.width(), picture.height());
  }
}
