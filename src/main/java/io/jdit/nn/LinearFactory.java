package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import java.util.stream.IntStream;

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

  /**
   * Weights are split over the ranks, the outputs are complete on each: for large layers of a few
   * rows, such as modulations.
   */
  default Linear gathered(Weights w, int in, int out, boolean bias) {
    return replicated(w, in, out, bias);
  }

  /** Ranks that column outputs are split over; 1 without tensor parallelism. */
  default int ranks() {
    return 1;
  }

  /** Position of this rank among them. */
  default int rank() {
    return 0;
  }

  /**
   * Attention heads that column layers leave on each rank.
   *
   * @throws IllegalArgumentException when they cannot be split, with the sizes that would do
   */
  default int headsPerRank(int heads) {
    if (heads % ranks() != 0) {
      throw new IllegalArgumentException(
          heads
              + " attention heads cannot be split over "
              + ranks()
              + " tensor-parallel ranks: use one of "
              + IntStream.rangeClosed(1, heads).filter(n -> heads % n == 0).boxed().toList());
    }
    return heads / ranks();
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
