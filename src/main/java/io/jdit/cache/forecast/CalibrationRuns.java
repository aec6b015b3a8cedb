package io.jdit.cache.forecast;

import io.jdit.tensor.Tensor;
import io.jdit.transformer.Acceleration;

/** A model with requests to calibrate on: prompts and seeds of one size and one setting. */
public interface CalibrationRuns {
  /** Hears what a step of an expert took as its velocity, after guidance. */
  @FunctionalInterface
  interface GuidedVelocity {
    /**
     * @param velocity borrowed
     */
    void of(String expert, Tensor velocity);
  }

  int samples();

  /**
   * Generates a sample.
   *
   * @return the final latents
   */
  float[] run(int sample, Acceleration.Factory acceleration, GuidedVelocity guided);
}
