package io.jdit.family.flux1;

import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * Arguments of one call of the transformer.
 *
 * @param latents [B, N, in_channels]
 * @param promptEmbeds [B, T, joint_attention_dim]
 * @param pooledPromptEmbeds [B, pooled_projection_dim]
 * @param timestep [B], in the dtype of the latents, the scheduler's timestep divided by 1000
 * @param guidance float32 [B], or null for models without guidance embedding
 * @param rotary table of the text positions followed by the image positions, [T + N, headDim]
 */
public record FluxInputs(
    Tensor latents,
    Tensor promptEmbeds,
    Tensor pooledPromptEmbeds,
    Tensor timestep,
    Tensor guidance,
    RotaryTable rotary) {}
