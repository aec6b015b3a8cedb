package io.jdit.family.flux2;

import io.jdit.attention.Attention;
import io.jdit.attention.AttentionCall;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Input;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.Block;
import io.jdit.transformer.Streams;

/**
 * diffusers' Flux2SingleTransformerBlock: text and image as one stream, attention and feed-forward
 * in parallel, with one projection into both and one out of both.
 */
final class Flux2SingleBlock implements Block<Flux2Conditioning> {
  private final HeadProjections projections;
  private final Linear toQkvMlpProj;
  private final Linear toOut;
  private final Attention attention;
  private final long qkv; // features of query, key and value together on this rank
  private final double eps;

  Flux2SingleBlock(Flux2Config config, Weights w, LinearFactory linears, Attention attention) {
    int d = config.innerDim();
    int f = config.mlpDim();
    Weights attn = w.at("attn");
    toQkvMlpProj = linears.column(attn.at("to_qkv_mlp_proj"), d, new int[] {d, d, d, f, f}, false);
    projections = HeadProjections.ofFused(attn, linears, config.heads(), Names.HIDDEN);
    qkv = 3L * linears.headsPerRank(config.numAttentionHeads()) * config.attentionHeadDim();
    toOut = linears.row(attn.at("to_out"), new int[] {d, f}, d, false);
    this.attention = attention;
    this.eps = config.eps();
  }

  @Override
  public Streams forward(Streams in, Flux2Conditioning c) {
    Tensor y = in.hidden(); // [B, T + N + R, D]
    Tensor[] mod = c.single().chunk(3, -1); // shift, scale, gate
    Tensor z = toQkvMlpProj.forward(Kernels.layerNormModulate(y, mod[1], mod[0], eps));
    AttentionCall.Result attending =
        HeadProjections.attend(attention, c.tokens(), c.rotary(), projections.of(z));
    Tensor mlp = Flux2FeedForward.gated(z.narrow(2, qkv, z.size(2) - qkv));
    Tensor o = attending.await().flatten(2, 3); // [B, T + N + R, D / ranks]
    y = Kernels.gatedResidual(y, mod[2], toOut.forward(Input.of(mlp).behind(o)));
    return new Streams(Streams.clipFloat16(y), null);
  }
}
