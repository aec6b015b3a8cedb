package io.jdit.family.flux2;

import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * Arguments of one call of the transformer.
 *
 * @param latents [B, N, in_channels]
 * @param pictures encoded reference pictures, [B, R, in_channels]; null without any
 * @param promptEmbeds [B, T, joint_attention_dim]
 * @param timestep [B], in the dtype of the latents, the scheduler's timestep divided by 1000
 * @param guidance float32 [B]; null for models without guidance embedding
 * @param rotary table of the positions of text, latents and pictures, [T + N + R, headDim]
 */
public record Flux2Inputs(
    Tensor latents,
    Tensor pictures,
    Tensor promptEmbeds,
    Tensor timestep,
    Tensor guidance,
    RotaryTable rotary) {}
