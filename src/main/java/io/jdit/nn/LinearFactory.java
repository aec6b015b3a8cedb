package io.jdit.nn;

import io.jdit.checkpoint.Weights;

/**
 * Makes the linear layers of a model. A family says which role each layer has in the
 * tensor-parallel plan; a factory decides what that means: everything here ({@link #dense}), shards
 * of rows or columns, quantized weights.
 */
public interface LinearFactory {
  /** Every rank computes all outputs. */
  Linear replicated(Weights w, int in, int out, boolean bias);

  /**
   * Outputs are split over the ranks: the heads of q, k, v and the first layer of a feed-forward.
   */
  Linear column(Weights w, int in, int out, boolean bias);

  /**
   * Inputs are split over the ranks and the results summed: what follows column layers.
   *
   * @param parts lengths of the parts that {@code in} is made of, each split by itself; usually one
   *     part
   */
  Linear row(Weights w, int[] parts, int out, boolean bias);

  default Linear row(Weights w, int in, int out, boolean bias) {
    return row(w, new int[] {in}, out, bias);
  }

  /** Ranks that column outputs are split over; 1 without tensor parallelism. */
  default int ranks() {
    return 1;
  }

  /** Everything dense on this rank. */
  static LinearFactory dense() {
    return new LinearFactory() {
      @Override
      public Linear replicated(Weights w, int in, int out, boolean bias) {
        return new DenseLinear(w, in, out, bias);
      }

      @Override
      public Linear column(Weights w, int in, int out, boolean bias) {
        return new DenseLinear(w, in, out, bias);
      }

      @Override
      public Linear row(Weights w, int[] parts, int out, boolean bias) {
        int in = 0;
        for (int part : parts) {
          in += part;
        }
        return new DenseLinear(w, in, out, bias);
      }
    };
  }
}
