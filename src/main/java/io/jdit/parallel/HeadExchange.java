package io.jdit.parallel;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Element order of the Ulysses exchange between "all heads of my tokens" and "my heads of all
 * tokens". P ranks, H heads, h heads in each rank's piece, s tokens here, S tokens in all, W
 * elements of a row on its way. Permuting, packing and leaving out padded heads is one pass.
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
   * @return [P, s, B, h, W], contiguous, zeros at the end where H does not divide
   */
  Tensor packHeads(Tensor x, Payload payload) {
    try (TensorScope scope = TensorScope.open()) {
      int perRank = padding.perRank();
      Tensor buffer = payload.buffer(x, padding.ranks(), x.size(1), x.size(0), perRank);
      payload.write(fullPieces(x), buffer.narrow(0, 0, full()));
      if (padding.padding() > 0) {
        Tensor last = buffer.select(0, full());
        payload.write(lastPiece(x), last.narrow(2, 0, perRank - padding.padding()));
        last.narrow(2, perRank - padding.padding(), padding.padding()).fill_(0);
      }
      return scope.keep(buffer);
    }
  }

  /**
   * @param received [S, B, h, W]
   * @return [B, S, heads computed here, D] of {@code dtype}, possibly a view
   */
  Tensor unpackHeads(Tensor received, Payload payload, DType dtype, long dim) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor rows = received.permute(1, 0, 2, 3).narrow(2, 0, padding.computed(rank));
      return scope.keep(payload.numbers(rows, dtype, dim));
    }
  }

  /**
   * What the attention's output becomes before it is sent back.
   *
   * @param o [B, S, heads computed here, D]
   * @return [S, B, h, W], contiguous
   */
  Tensor packTokens(Tensor o, Payload payload) {
    try (TensorScope scope = TensorScope.open()) {
      int perRank = padding.perRank();
      int computed = padding.computed(rank);
      Tensor buffer = payload.buffer(o, o.size(1), o.size(0), perRank);
      payload.write(o.permute(1, 0, 2, 3), buffer.narrow(2, 0, computed));
      if (computed < perRank) {
        buffer.narrow(2, computed, perRank - computed).fill_(0);
      }
      return scope.keep(buffer);
    }
  }

  /**
   * @param received [P s, B, h, W]
   * @return [B, s, H, D] of {@code dtype}, contiguous
   */
  Tensor unpackTokens(Tensor received, Payload payload, DType dtype, long dim) {
    try (TensorScope scope = TensorScope.open()) {
      long batch = received.size(1);
      long perRank = received.size(2);
      long tokens = received.size(0) / padding.ranks();
      Tensor x = Tensor.empty(dtype, received.device(), batch, tokens, padding.heads(), dim);
      Tensor pieces = received.view(padding.ranks(), tokens, batch, perRank, received.size(3));
      payload.read(pieces.narrow(0, 0, full()), fullPieces(x));
      if (padding.padding() > 0) {
        Tensor last = pieces.select(0, full()).narrow(2, 0, perRank - padding.padding());
        payload.read(last, lastPiece(x));
      }
      return scope.keep(x);
    }
  }

  /** Ranks whose piece has no padded heads. */
  private int full() {
    return padding.padding() == 0 ? padding.ranks() : padding.ranks() - 1;
  }

  /** The heads of the full ranks in x [B, s, H, D], as a view [full, s, B, h, D]. */
  private Tensor fullPieces(Tensor x) {
    int perRank = padding.perRank();
    return x.narrow(2, 0, (long) full() * perRank)
        .view(x.size(0), x.size(1), full(), perRank, x.size(3))
        .permute(2, 1, 0, 3, 4);
  }

  /** The heads of the rank with padded ones in x [B, s, H, D], as a view [s, B, its heads, D]. */
  private Tensor lastPiece(Tensor x) {
    long first = (long) full() * padding.perRank();
    return x.narrow(2, first, padding.heads() - first).permute(1, 0, 2, 3);
  }
}
