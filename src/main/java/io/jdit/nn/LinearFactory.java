package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Makes the linear layers of a model. A family says which role each layer has in the
 * tensor-parallel plan; a factory decides what that means: everything here ({@link #of}), or shards
 * of rows and columns. How a layer or its shard is held is a {@link LinearFormat}.
 */
public interface LinearFactory {
  /** Every rank computes all outputs. */
  Linear replicated(Weights w, int in, int out, boolean bias);

  /**
   * Outputs are split over the ranks: the heads of q, k, v and the first layer of a feed-forward.
   *
   * @param parts lengths of the matrices that are fused in the outputs, each split by itself;
   *     usually one
   */
  Linear column(Weights w, int in, int[] parts, boolean bias);

  default Linear column(Weights w, int in, int out, boolean bias) {
    return column(w, in, new int[] {out}, bias);
  }

  /**
   * Inputs are split over the ranks and the results summed: what follows column layers.
   *
   * @param parts lengths of the parts that the inputs are made of, each split by itself; usually
   *     one
   */
  Linear row(Weights w, int[] parts, int out, boolean bias);

  default Linear row(Weights w, int in, int out, boolean bias) {
    return row(w, new int[] {in}, out, bias);
  }

  /**
   * Weights are split over the ranks, the outputs are complete on each: for large layers of a few
   * rows, such as modulations.
   */
  Linear gathered(Weights w, int in, int out, boolean bias);

  /**
   * An RMS norm over all heads together, of the outputs of a column layer.
   *
   * @param dim of all heads on all ranks
   */
  Norm normAcrossHeads(Weights w, int dim, double eps);

  /** Ranks that column outputs are split over; 1 without tensor parallelism. */
  default int ranks() {
    return 1;
  }

  /** Position of this rank among them. */
  default int rank() {
    return 0;
  }

  /**
   * This factory, or, where the ranks cannot share so many heads, one that gives every rank all
   * layers: for parts that are small beside another that is shared out.
   */
  default LinearFactory sharingHeads(int heads) {
    return this;
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

  /** Everything on this rank. */
  static LinearFactory of(LinearFormat format) {
    return new WholeLinears(format);
  }

  /** Everything on this rank, in the model's dtype. */
  static LinearFactory dense() {
    return of(LinearFormat.dense());
  }

  /** Outputs or inputs of a layer that is made of parts. */
  static int sum(int[] parts) {
    return Arrays.stream(parts).sum();
  }
}
