package io.jdit.transformer;

import io.jdit.attention.Tokens;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;

/**
 * How the tokens of a sample are shared out over ranks. A transformer cuts its streams before the
 * first layer and joins the output of its last one; in between only the attention sees other ranks.
 */
public interface SequenceParallel {
  /** Number of parts; 1 when every rank holds all tokens. */
  int parts();

  /**
   * This rank's part of one stream of tokens: the first ranks hold one token more where a length
   * does not divide.
   *
   * @param dim dimension of the tokens
   * @return contiguous
   */
  Tensor part(int dim, Tensor whole);

  /**
   * Parts of streams on this rank.
   *
   * @param tokens what attention over these streams, joined in this order, has to know
   */
  record Cut(List<Tensor> parts, Tokens tokens) {}

  /**
   * Cuts token streams, each by itself.
   *
   * @throws IllegalArgumentException when a rank would get no token of a stream
   */
  default Cut cut(int dim, Tensor... streams) {
    Tokens tokens =
        Tokens.of(parts(), Arrays.stream(streams).mapToLong(s -> s.size(dim)).toArray());
    return new Cut(Arrays.stream(streams).map(s -> part(dim, s)).toList(), tokens);
  }

  /**
   * This rank's rows of a table for streams joined in order.
   *
   * @param lengths of the streams
   * @return {@code joined} itself when all tokens are here
   */
  default RotaryTable cut(RotaryTable joined, long... lengths) {
    return parts() == 1
        ? joined
        : new RotaryTable(
            cutJoined(joined.tokenDim(), joined.cos(), lengths),
            cutJoined(joined.tokenDim(), joined.sin(), lengths));
  }

  /** This rank's parts, joined, of streams that are joined in {@code whole}. */
  default Tensor cutJoined(int dim, Tensor whole, long... lengths) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] parts = new Tensor[lengths.length];
      long start = 0;
      for (int i = 0; i < parts.length; i++) {
        parts[i] = part(dim, whole.narrow(dim, start, lengths[i]));
        start += lengths[i];
      }
      return scope.keep(Tensor.cat(dim, parts));
    }
  }

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
      public Tensor part(int dim, Tensor whole) {
        return whole.alias();
      }

      @Override
      public Tensor join(Tensor part, int dim, long length) {
        return part.alias();
      }
    };
  }
}
