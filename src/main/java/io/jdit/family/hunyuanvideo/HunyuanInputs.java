package io.jdit.family.hunyuanvideo;

import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * One call of the transformer.
 *
 * @param latents [B, in_channels, T, h, w], of any dtype
 * @param timestep [B], 0 to 1000, in the dtype of the latents
 * @param guidance the scale, float32 [B]; null for models without guidance embedding
 * @param promptEmbeds [B, L, text_embed_dim]
 * @param textLengths tokens of each text, 1 to L; those after them are padding
 * @param pooledPromptEmbeds [B, pooled_projection_dim]
 * @param rotary table of all tokens
 */
public record HunyuanInputs(
    Tensor latents,
    Tensor timestep,
    Tensor guidance,
    Tensor promptEmbeds,
    int[] textLengths,
    Tensor pooledPromptEmbeds,
    RotaryTable rotary) {}
