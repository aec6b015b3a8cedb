package io.jdit.pipeline;

import io.jdit.tensor.Tensor;
import java.util.function.IntFunction;

/** Who computes which guidance branch of a denoising step. */
public interface Branches {
  /** Calls of the transformer that this rank makes in a step of {@code branches} branches. */
  int callsHere(int branches);

  /**
   * The results of all branches, equal on all ranks.
   *
   * @param call computes the branch with this number; 0 is the positive prompt
   */
  Tensor[] run(int branches, IntFunction<Tensor> call);

  /** All branches here, one after the other. */
  static Branches here() {
    return new Branches() {
      @Override
      public int callsHere(int branches) {
        return branches;
      }

      @Override
      public Tensor[] run(int branches, IntFunction<Tensor> call) {
        Tensor[] results = new Tensor[branches];
        for (int i = 0; i < branches; i++) {
          results[i] = call.apply(i);
        }
        return results;
      }
    };
  }
}
