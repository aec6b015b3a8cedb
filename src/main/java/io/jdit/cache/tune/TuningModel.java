package io.jdit.cache.tune;

import io.jdit.config.Values;
import java.util.List;

/**
 * What is tuned: a model with its samples, each a prompt with a seed. Uncached generations are made
 * once by the implementation and kept for comparison.
 */
public interface TuningModel {
  /**
   * One cached generation against the uncached one of the same sample.
   *
   * @param psnr of the pictures in dB; infinite when they are equal
   * @param work blocks that ran divided by those that run uncached, in (0, 1]: decides about speed,
   *     since it is exact where times are noisy
   * @param blockMillis time spent in transformer blocks
   * @param uncachedBlockMillis the same without a cache
   */
  record Measurement(double psnr, double work, double blockMillis, double uncachedBlockMillis) {}

  /** Denoising steps of every sample. */
  int steps();

  int samples();

  /** Settings to try besides those that fit any model. */
  default List<Values> further() {
    return List.of();
  }

  /** Generates sample {@code index} with {@code settings}. */
  Measurement run(Values settings, int index);
}
