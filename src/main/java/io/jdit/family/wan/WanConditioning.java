package io.jdit.family.wan;

import io.jdit.attention.Tokens;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.List;

/**
 * What every block sees.
 *
 * @param spans the tokens on this rank by timestep
 * @param rotary table of the tokens on this rank
 * @param tokens of the video, as self attention sees them
 * @param pictureTokens rows of the encoder stream that come from a picture; the text's follow
 * @param grid patches along frames, rows and columns, on all ranks together
 */
public record WanConditioning(
    List<Span> spans, RotaryTable rotary, Tokens tokens, long pictureTokens, long[] grid) {
  /**
   * Neighbouring tokens of one timestep.
   *
   * @param start the first of them among the tokens on this rank
   * @param temb [B, D]
   * @param timeProj shift, scale and gate of attention, the same of the feed-forward: float32 [B,
   *     6, D]
   */
  public record Span(long start, long length, Tensor temb, Tensor timeProj) {}

  /** What is done to the tokens of a span; {@code index} is its number. */
  @FunctionalInterface
  interface PerSpan {
    Tensor apply(int index, Tensor x);
  }

  /** Applies a function to the tokens of each span; x [B, N, D]. */
  Tensor perSpan(PerSpan function, Tensor x) {
    if (spans.size() == 1) {
      return function.apply(0, x);
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] parts = new Tensor[spans.size()];
      for (int i = 0; i < parts.length; i++) {
        Span s = spans.get(i);
        parts[i] = function.apply(i, x.narrow(1, s.start, s.length));
      }
      return scope.keep(Tensor.cat(1, parts));
    }
  }
}
