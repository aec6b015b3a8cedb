package io.jdit.transformer.flux;

import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;

/**
 * What every block sees.
 *
 * @param temb sum of the time, guidance and pooled text embeddings after SiLU, [B, D]
 */
public record FluxConditioning(Tensor temb, RotaryTable rotary) {}
