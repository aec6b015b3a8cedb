package io.jdit.family.wan;

import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * One call of the transformer.
 *
 * @param latents [B, in_channels, T, h, w], of any dtype
 * @param timestep float32 [B], 0 to 1000
 * @param firstTimestep float32 [B], of the tokens of the first frame where it differs; else null
 * @param promptEmbeds [B, L, text_dim]
 * @param imageEmbeds [B, I, image_dim]; null for models that take none
 * @param rotary table of all tokens
 */
public record WanInputs(
    Tensor latents,
    Tensor timestep,
    Tensor firstTimestep,
    Tensor promptEmbeds,
    Tensor imageEmbeds,
    RotaryTable rotary) {}
