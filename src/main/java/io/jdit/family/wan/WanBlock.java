package io.jdit.family.wan;

import io.jdit.attention.Attention;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.FeedForward;
import io.jdit.nn.LayerNorm;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.Block;
import io.jdit.transformer.Streams;

/**
 * diffusers' WanTransformerBlock: self attention, cross attention, feed-forward. Norms, modulation
 * and the gated sums are float32 whatever the model's dtype.
 */
final class WanBlock implements Block<WanConditioning> {
  private final Tensor scaleShiftTable; // float32 [1, 6, D]
  private final HeadProjections attn1;
  private final Linear toOut;
  private final LayerNorm norm2; // null without cross_attn_norm
  private final WanCrossAttention attn2;
  private final FeedForward ffn;
  private final Attention attention;
  private final double eps;

  WanBlock(WanConfig config, Weights w, LinearFactory linears, Attention attention) {
    int d = config.innerDim();
    Weights exact = w.as(DType.FLOAT32);
    eps = config.eps();
    scaleShiftTable = exact.get("scale_shift_table", 1, 6, d);
    attn1 = HeadProjections.acrossHeads(w.at("attn1"), linears, config.heads(), Names.HIDDEN);
    toOut = linears.row(w.at("attn1").at("to_out.0"), d, d, true);
    norm2 = config.crossAttnNorm() ? new LayerNorm(exact.at("norm2"), d, eps) : null;
    attn2 = new WanCrossAttention(config, w.at("attn2"), linears, attention);
    ffn = new FeedForward(w.at("ffn"), linears, d, config.ffnDim());
    this.attention = attention;
  }

  @Override
  public Streams forward(Streams in, WanConditioning c) {
    Tensor x = in.hidden(); // [B, N, D]
    Tensor[] mod = // of each span, [B, 6, D]
        c.spans().stream().map(s -> scaleShiftTable.add(s.timeProj())).toArray(Tensor[]::new);

    Tensor h = modulated(x, c, mod, 0);
    Tensor o =
        HeadProjections.attend(attention, c.tokens(), c.rotary(), attn1.of(h))
            .await()
            .flatten(2, 3);
    x = gated(x, toOut.forward(o), c, mod, 2);
    x = x.add(attn2.forward(normed(x), in.encoder(), c.pictureTokens()));
    x = gated(x, ffn.forward(modulated(x, c, mod, 3)), c, mod, 5);
    return new Streams(x, in.encoder());
  }

  /** LN(x) (1 + scale) + shift with the rows {@code row} (shift) and the next (scale). */
  private Tensor modulated(Tensor x, WanConditioning c, Tensor[] mod, int row) {
    return c.perSpan(
        (i, part) ->
            Kernels.layerNormModulate(
                    part.to(DType.FLOAT32), mod[i].select(1, row + 1), mod[i].select(1, row), eps)
                .to(part.dtype()),
        x);
  }

  /** x + gate y. */
  private static Tensor gated(Tensor x, Tensor y, WanConditioning c, Tensor[] mod, int row) {
    return c.perSpan(
        (i, part) -> {
          WanConditioning.Span s = c.spans().get(i);
          Tensor added = c.spans().size() == 1 ? y : y.narrow(1, s.start(), s.length());
          return Kernels.gatedResidual(
                  part.to(DType.FLOAT32), mod[i].select(1, row), added.to(DType.FLOAT32))
              .to(part.dtype());
        },
        x);
  }

  private Tensor normed(Tensor x) {
    return norm2 == null ? x : norm2.forward(x.to(DType.FLOAT32)).to(x.dtype());
  }
}
