package io.jdit.family.flux1;

import io.jdit.attention.Tokens;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * What every block sees.
 *
 * @param temb sum of the time, guidance and pooled text embeddings after SiLU, [B, D]
 * @param rotary table of the tokens on this rank
 * @param tokens text and image tokens, in this order, as the attention sees them
 * @param imageTokens image tokens on all ranks together
 */
public record FluxConditioning(Tensor temb, RotaryTable rotary, Tokens tokens, long imageTokens) {}
