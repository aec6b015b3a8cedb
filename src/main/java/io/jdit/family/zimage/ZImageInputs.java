package io.jdit.family.zimage;

import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;
import java.util.Arrays;

/**
 * Arguments of one call of the transformer.
 *
 * @param latents [B, in_channels, 2 gridHeight, 2 gridWidth]
 * @param captions [B, at least the longest length, cap_feat_dim]
 * @param lengths tokens of each caption, [B]
 * @param timestep float32 [B], from 0 for noise to 1
 * @param rotary as {@link ZImageTransformer#rotary} gives it for these lengths and this grid
 */
public record ZImageInputs(
    Tensor latents, Tensor captions, int[] lengths, Tensor timestep, RotaryTable rotary) {
  /** Image tokens and captions are filled up to multiples of this. */
  static final int MULTIPLE = 32;

  static int padded(int tokens) {
    return (tokens + MULTIPLE - 1) / MULTIPLE * MULTIPLE;
  }

  /** Caption tokens of the longest row with its padding. */
  int captionTokens() {
    return padded(Arrays.stream(lengths).max().orElseThrow());
  }

  /** Whether rows have padded captions of different lengths. */
  boolean ragged() {
    return Arrays.stream(lengths).anyMatch(n -> padded(n) != captionTokens());
  }

  /** For each row, which caption tokens there are; those after them fill up the batch. */
  boolean[][] there() {
    boolean[][] rows = new boolean[lengths.length][captionTokens()];
    for (int b = 0; b < rows.length; b++) {
      Arrays.fill(rows[b], 0, padded(lengths[b]), true);
    }
    return rows;
  }
}
