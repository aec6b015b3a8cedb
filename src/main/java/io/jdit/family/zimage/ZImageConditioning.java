package io.jdit.family.zimage;

import io.jdit.attention.Tokens;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * What every block sees, and what the output is cut to.
 *
 * @param adaln time embedding, [B, adalnDim]
 * @param rotary table of the tokens on this rank
 * @param tokens as the attention sees them
 * @param size where the image is
 */
public record ZImageConditioning(Tensor adaln, RotaryTable rotary, Tokens tokens, Size size) {
  /**
   * The image in the sequence.
   *
   * @param imageTokens on all ranks, with padding
   * @param here those on this rank, which come first
   * @param gridHeight image tokens are gridHeight gridWidth, then padding
   */
  record Size(long imageTokens, long here, long gridHeight, long gridWidth) {}
}
