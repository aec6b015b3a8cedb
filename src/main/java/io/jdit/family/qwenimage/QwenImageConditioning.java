package io.jdit.family.qwenimage;

import io.jdit.attention.Tokens;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * What every block sees.
 *
 * @param temb time embedding after SiLU, [B, D]
 * @param zeroTemb that of timestep 0, for tokens of given pictures; null where they share {@code
 *     temb}
 * @param rotary table of the tokens on this rank
 * @param tokens text, latents and pictures, in this order, as the attention sees them
 * @param here tokens of the latents on this rank; those of pictures follow them
 * @param imageTokens tokens of the latents on all ranks together
 */
public record QwenImageConditioning(
    Tensor temb, Tensor zeroTemb, RotaryTable rotary, Tokens tokens, long here, long imageTokens) {}
