package io.jdit.family.qwenimage;

import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * Arguments of one call of the transformer.
 *
 * @param latents [B, N, in_channels]
 * @param pictures tokens of the given pictures, one after the other, [B, C, in_channels]; null for
 *     none
 * @param promptEmbeds [B, T, joint_attention_dim]
 * @param textLengths tokens of each row that count, the others are padding; null for all
 * @param timestep [B], in the dtype of the latents, the scheduler's timestep divided by 1000
 * @param rotary of the text, the latents and the pictures, [T + N + C, headDim]
 */
public record QwenImageInputs(
    Tensor latents,
    Tensor pictures,
    Tensor promptEmbeds,
    int[] textLengths,
    Tensor timestep,
    RotaryTable rotary) {}
