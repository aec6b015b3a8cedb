package io.jdit.family.flux1;

import static io.jdit.family.flux1.FluxTransformer.EPS;

import io.jdit.attention.Attention;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.FeedForward;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.Block;
import io.jdit.transformer.Streams;

/**
 * diffusers' FluxTransformerBlock: text and image with weights of their own, joined in the
 * attention.
 */
final class FluxDoubleBlock implements Block<FluxConditioning> {
  private final Linear norm1;
  private final Linear norm1Context;
  private final HeadProjections image;
  private final HeadProjections text;
  private final Linear toOut;
  private final Linear toAddOut;
  private final FeedForward ff;
  private final FeedForward ffContext;
  private final Attention attention;

  FluxDoubleBlock(FluxConfig config, Weights w, LinearFactory linears, Attention attention) {
    int d = config.innerDim();
    Weights attn = w.at("attn");
    norm1 = linears.gathered(w.at("norm1.linear"), d, 6 * d, true);
    norm1Context = linears.gathered(w.at("norm1_context.linear"), d, 6 * d, true);
    image = HeadProjections.perHead(attn, linears, config.heads(), Names.HIDDEN);
    text = HeadProjections.perHead(attn, linears, config.heads(), Names.ADDED);
    toOut = linears.row(attn.at("to_out.0"), d, d, true);
    toAddOut = linears.row(attn.at("to_add_out"), d, d, true);
    ff = new FeedForward(w.at("ff"), linears, d);
    ffContext = new FeedForward(w.at("ff_context"), linears, d);
    this.attention = attention;
  }

  @Override
  public Streams forward(Streams in, FluxConditioning c) {
    Tensor x = in.hidden(); // [B, N, D]
    Tensor e = in.encoder(); // [B, T, D]
    long textTokens = e.size(1);
    long imageTokens = x.size(1);
    Tensor[] mod =
        norm1.forward(c.temb()).chunk(6, -1); // shift, scale, gate; the same for the feed-forward
    Tensor[] modContext = norm1Context.forward(c.temb()).chunk(6, -1);

    Tensor o =
        HeadProjections.attend(
                attention,
                c.tokens(),
                c.rotary(),
                text.of(Kernels.layerNormModulate(e, modContext[1], modContext[0], EPS)),
                image.of(Kernels.layerNormModulate(x, mod[1], mod[0], EPS)))
            .await()
            .flatten(2, 3); // [B, T + N, D / ranks]
    x = Kernels.gatedResidual(x, mod[2], toOut.forward(o.narrow(1, textTokens, imageTokens)));
    e = Kernels.gatedResidual(e, modContext[2], toAddOut.forward(o.narrow(1, 0, textTokens)));
    x =
        Kernels.gatedResidual(
            x, mod[5], ff.forward(Kernels.layerNormModulate(x, mod[4], mod[3], EPS)));
    e =
        Kernels.gatedResidual(
            e,
            modContext[5],
            ffContext.forward(Kernels.layerNormModulate(e, modContext[4], modContext[3], EPS)));
    return new Streams(x, Streams.clipFloat16(e));
  }
}
