package io.jdit.family.flux2;

import io.jdit.attention.Tokens;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * What every block sees. Modulations are shared by all blocks of a kind: shift, scale and gate of
 * the attention and, in double blocks, of the feed-forward.
 *
 * @param temb sum of the time and guidance embeddings after SiLU, [B, D]
 * @param image modulation of the image stream in double blocks, [B, 6D]
 * @param text modulation of the text stream in double blocks, [B, 6D]
 * @param single modulation of single blocks, [B, 3D]
 * @param rotary table of the tokens on this rank
 * @param tokens text, latents and reference pictures, in this order, as the attention sees them
 * @param textHere tokens of the text on this rank
 * @param latentsHere tokens of the latents on this rank
 * @param latents tokens of the latents on all ranks together
 */
public record Flux2Conditioning(
    Tensor temb,
    Tensor image,
    Tensor text,
    Tensor single,
    RotaryTable rotary,
    Tokens tokens,
    long textHere,
    long latentsHere,
    long latents) {
  Flux2Conditioning keepIn(TensorScope scope) {
    for (Tensor t : new Tensor[] {temb, image, text, single, rotary.cos(), rotary.sin()}) {
      scope.keep(t);
    }
    return this;
  }
}
