package io.jdit.scheduler;

import io.jdit.tensor.Tensor;

/**
 * The denoising steps of one generation, with whatever the solver remembers from one to the next.
 * Steps are taken in order, each once.
 */
public interface Trajectory extends AutoCloseable {
  int steps();

  /** What the model is told at a step, in the scheduler's units of 0 to 1000. */
  float timestep(int step);

  /** Share of noise in the latents before a step; index {@link #steps} is what the last leaves. */
  float sigma(int step);

  /**
   * The latents after a step.
   *
   * @param x latents before it
   * @param output the model's, of the same shape
   * @return in the innermost scope
   */
  Tensor step(int step, Tensor x, Tensor output);

  /** Frees the history. */
  @Override
  default void close() {}
}
