package io.jdit.family.flux1;

import static io.jdit.family.flux1.FluxTransformer.EPS;

import io.jdit.attention.Attention;
import io.jdit.attention.AttentionCall;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Input;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.Block;
import io.jdit.transformer.Streams;

/**
 * diffusers' FluxSingleTransformerBlock: text and image as one sequence, attention and feed-forward
 * in parallel.
 */
final class FluxSingleBlock implements Block<FluxConditioning> {
  private final Linear norm;
  private final HeadProjections projections;
  private final Linear projMlp;
  private final Linear projOut;
  private final Attention attention;

  FluxSingleBlock(FluxConfig config, Weights w, LinearFactory linears, Attention attention) {
    int d = config.innerDim();
    norm = linears.gathered(w.at("norm.linear"), d, 3 * d, true);
    projections = HeadProjections.perHead(w.at("attn"), linears, config.heads(), Names.HIDDEN);
    projMlp = linears.column(w.at("proj_mlp"), d, 4 * d, true);
    projOut = linears.row(w.at("proj_out"), new int[] {d, 4 * d}, d, true);
    this.attention = attention;
  }

  @Override
  public Streams forward(Streams in, FluxConditioning c) {
    long textTokens = in.encoder().size(1);
    long imageTokens = in.hidden().size(1);
    Tensor y = Functional.joined(1, in.encoder(), in.hidden()); // [B, S, D]
    Tensor[] mod = norm.forward(c.temb()).chunk(3, -1); // shift, scale, gate
    Input n = Input.of(Kernels.layerNormModulate(y, mod[1], mod[0], EPS));
    AttentionCall.Result attending =
        HeadProjections.attend(attention, c.tokens(), c.rotary(), projections.of(n));
    Input mlp = projMlp.geluTanhFor(projOut, n); // [B, S, 4D / ranks]
    Tensor o = attending.await().flatten(2, 3); // [B, S, D / ranks]
    y = Streams.clipFloat16(Kernels.gatedResidual(y, mod[2], projOut.forward(mlp.behind(o))));
    return new Streams(y.narrow(1, textTokens, imageTokens), y.narrow(1, 0, textTokens));
  }
}
