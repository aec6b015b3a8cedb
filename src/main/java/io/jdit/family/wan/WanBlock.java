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
import io.jdit.tensor.TensorScope;
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

    x = gated(x, selfAttention(x, c, mod), c, mod, 2);
    x = x.add(attn2.forward(normed(x), in.encoder(), c.pictureTokens()));
    x = gated(x, feedForward(x, c, mod), c, mod, 5);
    return new Streams(x, in.encoder());
  }

  // Tokens of a video are many: what a part makes on the way goes before the next one begins.

  private Tensor selfAttention(Tensor x, WanConditioning c, Tensor[] mod) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = modulated(x, c, mod, 0);
      Tensor o = HeadProjections.attend(attention, c.tokens(), c.rotary(), attn1.of(h)).await();
      return scope.keep(toOut.forward(o.flatten(2, 3)));
    }
  }

  private Tensor feedForward(Tensor x, WanConditioning c, Tensor[] mod) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(ffn.forward(modulated(x, c, mod, 3)));
    }
  }

  /** LN(x) (1 + scale) + shift with the rows {@code row} (shift) and the next (scale). */
  private Tensor modulated(Tensor x, WanConditioning c, Tensor[] mod, int row) {
    return c.perSpan(
        (i, part) -> {
          try (TensorScope scope = TensorScope.open()) {
            Tensor exact = part.to(DType.FLOAT32);
            Tensor scale = mod[i].select(1, row + 1);
            Tensor shift = mod[i].select(1, row);
            return scope.keep(Kernels.layerNormModulate(exact, scale, shift, eps).to(part.dtype()));
          }
        },
        x);
  }

  /** x + gate y. */
  private static Tensor gated(Tensor x, Tensor y, WanConditioning c, Tensor[] mod, int row) {
    return c.perSpan(
        (i, part) -> {
          try (TensorScope scope = TensorScope.open()) {
            WanConditioning.Span s = c.spans().get(i);
            Tensor added = y.narrow(1, s.start(), s.length()).to(DType.FLOAT32);
            Tensor gate = mod[i].select(1, row);
            return scope.keep(
                Kernels.gatedResidual(part.to(DType.FLOAT32), gate, added).to(part.dtype()));
          }
        },
        x);
  }

  private Tensor normed(Tensor x) {
    if (norm2 == null) {
      return x;
    }
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(norm2.forward(x.to(DType.FLOAT32)).to(x.dtype()));
    }
  }
}
