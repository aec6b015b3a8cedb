package io.jdit.parallel;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Element order of the Ulysses exchange between "all heads of my tokens" and "my heads of all
 * tokens". P ranks, H heads, h heads in each rank's piece, s tokens here, S tokens in all.
 */
final class HeadExchange {
  private final HeadPadding padding;
  private final int rank;

  HeadExchange(HeadPadding padding, int rank) {
    this.padding = padding;
    this.rank = rank;
  }

  /**
   * What query, key or value becomes before it is sent.
   *
   * @param x [B, s, H, D]
   * @return [P, s, B, h, D], contiguous, zero heads at the end where H does not divide
   */
  Tensor packHeads(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor padded = padHeads(x, padding.padding());
      return scope.keep(
          padded
              .view(x.size(0), x.size(1), padding.ranks(), padding.perRank(), x.size(3))
              .permute(2, 1, 0, 3, 4)
              .contiguous());
    }
  }

  /**
   * @param received [S, B, h, D]
   * @return [B, S, heads computed here, D], possibly a view
   */
  Tensor unpackHeads(Tensor received) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(received.permute(1, 0, 2, 3).narrow(2, 0, padding.computed(rank)));
    }
  }

  /**
   * What the attention's output becomes before it is sent back.
   *
   * @param o [B, S, heads computed here, D]
   * @return [S, B, h, D], contiguous
   */
  Tensor packTokens(Tensor o) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          padHeads(o, padding.perRank() - padding.computed(rank)).permute(1, 0, 2, 3).contiguous());
    }
  }

  /**
   * @param received [P, s, B, h, D]
   * @return [B, s, H, D], contiguous
   */
  Tensor unpackTokens(Tensor received) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          received.permute(2, 1, 0, 3, 4).flatten(2, 3).narrow(2, 0, padding.heads()).contiguous());
    }
  }

  private static Tensor padHeads(Tensor x, int zeros) {
    if (zeros == 0) {
      return x.contiguous();
    }
    return Tensor.cat(
        2, x, Tensor.zeros(x.dtype(), x.device(), x.size(0), x.size(1), zeros, x.size(3)));
  }
}
