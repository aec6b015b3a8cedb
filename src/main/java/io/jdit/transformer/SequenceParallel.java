package io.jdit.transformer;

import io.jdit.tensor.Tensor;

/**
 * How the tokens of a sample are shared out over ranks. A transformer cuts its streams before the
 * first layer and joins the output of its last one; in between only the attention sees other ranks.
 */
public interface SequenceParallel {
  /** Number of parts; 1 when every rank holds all tokens. */
  int parts();

  /**
   * This rank's part of token streams that are cut each by itself: the first ranks hold one token
   * more where a length does not divide. What the attention then sees are these parts one after the
   * other.
   *
   * @param dim dimension of the tokens
   */
  Tensor[] cut(int dim, Tensor... streams);

  /**
   * The whole of one stream that was cut.
   *
   * @param length tokens of the whole
   */
  Tensor join(Tensor part, int dim, long length);

  /** All tokens on this rank. */
  static SequenceParallel none() {
    return new SequenceParallel() {
      @Override
      public int parts() {
        return 1;
      }

      @Override
      public Tensor[] cut(int dim, Tensor... streams) {
        Tensor[] whole = new Tensor[streams.length];
        for (int i = 0; i < whole.length; i++) {
          whole[i] = streams[i].alias();
        }
        return whole;
      }

      @Override
      public Tensor join(Tensor part, int dim, long length) {
        return part.alias();
      }
    };
  }
}
