package io.jdit.family.hunyuanvideo;

import io.jdit.attention.Tokens;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * What every block sees.
 *
 * @param temb sum of the time, guidance and text embeddings after SiLU, [B, D]
 * @param rotary table of the tokens on this rank
 * @param tokens of video and text, in this order, as the attention sees them
 * @param grid patches along frames, rows and columns, on all ranks together
 */
public record HunyuanConditioning(Tensor temb, RotaryTable rotary, Tokens tokens, long[] grid) {
  /** Video tokens on all ranks together. */
  long videoTokens() {
    return grid[0] * grid[1] * grid[2];
  }
}
