package io.jdit.family.flux2;

import io.jdit.attention.Attention;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.Block;
import io.jdit.transformer.Streams;

/**
 * diffusers' Flux2TransformerBlock: text and image with weights of their own, joined in the
 * attention.
 */
final class Flux2DoubleBlock implements Block<Flux2Conditioning> {
  private final HeadProjections image;
  private final HeadProjections text;
  private final Linear toOut;
  private final Linear toAddOut;
  private final Flux2FeedForward ff;
  private final Flux2FeedForward ffContext;
  private final Attention attention;
  private final double eps;

  Flux2DoubleBlock(Flux2Config config, Weights w, LinearFactory linears, Attention attention) {
    int d = config.innerDim();
    Weights attn = w.at("attn");
    image = HeadProjections.perHead(attn, linears, config.heads(), Names.HIDDEN);
    text = HeadProjections.perHead(attn, linears, config.heads(), Names.ADDED);
    toOut = linears.row(attn.at("to_out.0"), d, d, false);
    toAddOut = linears.row(attn.at("to_add_out"), d, d, false);
    ff = new Flux2FeedForward(config, w.at("ff"), linears);
    ffContext = new Flux2FeedForward(config, w.at("ff_context"), linears);
    this.attention = attention;
    this.eps = config.eps();
  }

  @Override
  public Streams forward(Streams in, Flux2Conditioning c) {
    Tensor x = in.hidden(); // [B, N + R, D]
    Tensor e = in.encoder(); // [B, T, D]
    long textTokens = e.size(1);
    Tensor[] mod = c.image().chunk(6, -1); // shift, scale, gate; the same for the feed-forward
    Tensor[] modText = c.text().chunk(6, -1);
    Tensor o =
        HeadProjections.attend(
                attention,
                c.tokens(),
                c.rotary(),
                text.of(Kernels.layerNormModulate(e, modText[1], modText[0], eps)),
                image.of(Kernels.layerNormModulate(x, mod[1], mod[0], eps)))
            .await()
            .flatten(2, 3); // [B, T + N + R, D / ranks]
    x = Kernels.gatedResidual(x, mod[2], toOut.forward(o.narrow(1, textTokens, x.size(1))));
    e = Kernels.gatedResidual(e, modText[2], toAddOut.forward(o.narrow(1, 0, textTokens)));
    x =
        Kernels.gatedResidual(
            x, mod[5], ff.forward(Kernels.layerNormModulate(x, mod[4], mod[3], eps)));
    e =
        Kernels.gatedResidual(
            e,
            modText[5],
            ffContext.forward(Kernels.layerNormModulate(e, modText[4], modText[3], eps)));
    return new Streams(x, Streams.clipFloat16(e));
  }
}
