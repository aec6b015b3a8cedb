package io.jdit.pipeline;

import io.jdit.tensor.Tensor;

/** How the guidance branches of a step are computed and become one output. */
public interface Guidance {
  /**
   * Branches of the step at {@code timestep}; the positive one is first. Branches that a request
   * has at any step are encoded.
   */
  int branches(float timestep);

  /** Most branches of a step. */
  int most();

  /**
   * Whether the branches of a step are one call with a batch of all, as the reference computes
   * them: a cache then has one state for them.
   */
  default boolean oneBatch() {
    return false;
  }

  /**
   * The output that the scheduler gets.
   *
   * @param outputs of the branches of this step, each of the latents' shape
   * @param expert component that computed them
   */
  Tensor combine(Tensor[] outputs, String expert);

  /** One branch, whose output is taken as it is. */
  static Guidance none() {
    return of(1, (outputs, expert) -> outputs[0]);
  }

  /** n + scale (p - n) of the positive output p and the negative output n (arXiv 2207.12598). */
  static Guidance classifierFree(double scale) {
    return of(2, (v, expert) -> v[1].add(v[0].sub(v[1]).mul(scale)));
  }

  /** Combines outputs. */
  @FunctionalInterface
  interface Combination {
    Tensor combine(Tensor[] outputs, String expert);
  }

  /** The same branches at every step, a call for each. */
  static Guidance of(int branches, Combination combination) {
    return new Guidance() {
      @Override
      public int branches(float timestep) {
        return branches;
      }

      @Override
      public int most() {
        return branches;
      }

      @Override
      public Tensor combine(Tensor[] outputs, String expert) {
        return combination.combine(outputs, expert);
      }
    };
  }
}
