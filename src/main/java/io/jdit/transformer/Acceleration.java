package io.jdit.transformer;

import io.jdit.config.Values;
import io.jdit.tensor.Tensor;

/**
 * How the transformer calls of one generation on one expert are computed, and everything that is
 * remembered from one to the next: one thread, one generation, closed with it. What it found out
 * stays readable after that. Two may live at a time on one model.
 */
public interface Acceleration extends AutoCloseable {
  /**
   * What is known of a generation on one expert when it begins.
   *
   * @param expert component that computes, for example {@code transformer} or {@code transformer_2}
   * @param steps denoising steps that this expert computes
   * @param calls transformer calls of a step on this rank: 2 where two guidance branches are
   *     computed one after the other, the positive one first; 1 where there is one branch, or both
   *     are in one batch, or the other one is on another rank
   * @param request parameters of the generation, with the model's defaults filled in
   */
  record Outline(String expert, int steps, int calls, Values request) {
    /** Of a generation that only its steps are known of. */
    public Outline(String expert, int steps, int calls) {
      this(expert, steps, calls, Values.none());
    }
  }

  /**
   * A transformer call for one guidance branch. Where branches share a batch, each is asked for and
   * told of by itself, and the batch is computed when none is forecast: whoever forecasts decides
   * alike for all branches of a step.
   *
   * @param step of this expert, from 0
   * @param branch guidance branch, 0 is the positive one
   * @param timestep what the model is told, 0 to 1000
   * @param sigma share of noise in {@code latents}
   * @param nextSigma share of noise after the step: says what an error of this call weighs
   */
  record Call(int step, int branch, float timestep, float sigma, float nextSigma, Tensor latents) {}

  /** What to take in place of the call's output, or null to compute it. */
  default Forecast forecast(Call call) {
    return null;
  }

  /**
   * Is told what a call gave that was not forecast.
   *
   * @param output borrowed
   * @return what to take in its place: {@code output}, or a tensor in the innermost scope, of the
   *     same shape and dtype
   */
  default Tensor computed(Call call, Tensor output) {
    return output;
  }

  /** Runs the blocks of the calls that are computed. */
  BlockRunner runner();

  /**
   * Whether its calls may be rows of one batch with calls of other generations: its runner
   * remembers nothing of them.
   */
  default boolean sharesBatches() {
    return false;
  }

  /** Frees the buffers. */
  @Override
  void close();

  /** Makes the state of a generation: the strategy that is chosen by the user. */
  @FunctionalInterface
  interface Factory {
    /** Called for every generation and expert, in the thread that computes. */
    Acceleration begin(Outline outline);
  }

  /** Every block of every call is computed. */
  static Factory none() {
    return outline -> of(BlockRunner.direct());
  }

  /** Every call is computed, by a runner that holds nothing. */
  static Acceleration of(BlockRunner runner) {
    return new Acceleration() {
      @Override
      public BlockRunner runner() {
        return runner;
      }

      @Override
      public boolean sharesBatches() {
        return true;
      }

      @Override
      public void close() {
        // Nothing is held.
      }
    };
  }
}
