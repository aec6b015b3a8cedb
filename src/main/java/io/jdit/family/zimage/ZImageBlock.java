package io.jdit.family.zimage;

import io.jdit.attention.Attention;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.GatedFeedForward;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.Block;
import io.jdit.transformer.Streams;

/**
 * diffusers' ZImageTransformerBlock, on one stream: norms before and after attention and
 * feed-forward; time scales the inputs and gates the results, without shifts.
 */
final class ZImageBlock implements Block<ZImageConditioning> {
  private final Linear modulation; // null in blocks that time does not reach
  private final RmsNorm attentionNorm1;
  private final RmsNorm attentionNorm2;
  private final RmsNorm ffnNorm1;
  private final RmsNorm ffnNorm2;
  private final HeadProjections projections;
  private final Linear toOut;
  private final GatedFeedForward feedForward;
  private final Attention attention;

  ZImageBlock(
      ZImageConfig config,
      Weights w,
      LinearFactory linears,
      Attention attention,
      boolean modulated) {
    int d = config.dim();
    Weights attn = w.at("attention");
    modulation =
        modulated
            ? linears.gathered(w.at("adaLN_modulation.0"), config.adalnDim(), 4 * d, true)
            : null;
    attentionNorm1 = new RmsNorm(w.at("attention_norm1"), d, config.normEps());
    attentionNorm2 = new RmsNorm(w.at("attention_norm2"), d, config.normEps());
    ffnNorm1 = new RmsNorm(w.at("ffn_norm1"), d, config.normEps());
    ffnNorm2 = new RmsNorm(w.at("ffn_norm2"), d, config.normEps());
    projections =
        HeadProjections.perHead(
            attn,
            linears,
            config.heads(),
            config.qkNorm() ? Names.HIDDEN : Names.HIDDEN.withoutNorms());
    toOut = linears.row(attn.at("to_out.0"), d, d, false);
    feedForward =
        new GatedFeedForward(
            w.at("feed_forward"),
            linears,
            GatedFeedForward.Names.NUMBERED,
            d,
            config.ffnDim(),
            false);
    this.attention = attention;
  }

  @Override
  public Streams forward(Streams in, ZImageConditioning c) {
    Tensor x = in.hidden(); // [B, S, D]
    Tensor[] mod =
        modulation == null
            ? null
            : modulation.forward(c.adaln()).chunk(4, -1); // scale, gate; both for the feed-forward
    Tensor o =
        HeadProjections.attend(
                attention,
                c.tokens(),
                c.rotary(),
                projections.of(scaled(attentionNorm1.forward(x), mod, 0)))
            .await()
            .flatten(2, 3);
    x = added(x, attentionNorm2.forward(toOut.forward(o)), mod, 1);
    Tensor f = feedForward.forward(scaled(ffnNorm1.forward(x), mod, 2));
    return new Streams(added(x, ffnNorm2.forward(f), mod, 3), in.encoder());
  }

  private static Tensor scaled(Tensor x, Tensor[] mod, int scale) {
    return mod == null ? x : x.mul(mod[scale].add(1).unsqueeze(1));
  }

  private static Tensor added(Tensor x, Tensor y, Tensor[] mod, int gate) {
    return mod == null ? x.add(y) : Kernels.gatedResidual(x, mod[gate].tanh(), y);
  }
}
