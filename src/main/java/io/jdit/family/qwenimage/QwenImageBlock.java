package io.jdit.family.qwenimage;

import io.jdit.attention.Attention;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.FeedForward;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.Block;
import io.jdit.transformer.Streams;

/**
 * diffusers' QwenImageTransformerBlock: text and image with weights of their own, joined in the
 * attention.
 */
final class QwenImageBlock implements Block<QwenImageConditioning> {
  private final Linear imageMod;
  private final Linear textMod;
  private final HeadProjections image;
  private final HeadProjections text;
  private final Linear toOut;
  private final Linear toAddOut;
  private final FeedForward imageMlp;
  private final FeedForward textMlp;
  private final Attention attention;

  QwenImageBlock(QwenImageConfig config, Weights w, LinearFactory linears, Attention attention) {
    int d = config.innerDim();
    Weights attn = w.at("attn");
    imageMod = linears.gathered(w.at("img_mod.1"), d, 6 * d, true);
    textMod = linears.gathered(w.at("txt_mod.1"), d, 6 * d, true);
    image = HeadProjections.perHead(attn, linears, config.heads(), Names.HIDDEN);
    text = HeadProjections.perHead(attn, linears, config.heads(), Names.ADDED);
    toOut = linears.row(attn.at("to_out.0"), d, d, true);
    toAddOut = linears.row(attn.at("to_add_out"), d, d, true);
    imageMlp = new FeedForward(w.at("img_mlp"), linears, d);
    textMlp = new FeedForward(w.at("txt_mlp"), linears, d);
    this.attention = attention;
  }

  @Override
  public Streams forward(Streams in, QwenImageConditioning c) {
    Tensor x = in.hidden(); // [B, N + C, D]
    Tensor e = in.encoder(); // [B, T, D]
    long textTokens = e.size(1);
    Modulation[] xMod = modulations(imageMod, c, c.zeroTemb());
    Modulation[] eMod = modulations(textMod, c, null);
    Tensor o =
        HeadProjections.attend(
                attention,
                c.tokens(),
                c.rotary(),
                text.of(eMod[0].modulated(e)),
                image.of(xMod[0].modulated(x)))
            .await()
            .flatten(2, 3); // [B, T + N + C, D / ranks]
    x = xMod[0].added(x, toOut.forward(o.narrow(1, textTokens, x.size(1))));
    e = eMod[0].added(e, toAddOut.forward(o.narrow(1, 0, textTokens)));
    x = xMod[1].added(x, imageMlp.forward(xMod[1].modulated(x)));
    e = eMod[1].added(e, textMlp.forward(eMod[1].modulated(e)));
    return new Streams(Streams.clipFloat16(x), Streams.clipFloat16(e));
  }

  /** Of the attention and of the feed-forward: shift, scale and gate of each. */
  private static Modulation[] modulations(Linear linear, QwenImageConditioning c, Tensor zeroTemb) {
    Tensor[] first = linear.forward(c.temb()).chunk(2, -1);
    Tensor[] rest = zeroTemb == null ? new Tensor[2] : linear.forward(zeroTemb).chunk(2, -1);
    return new Modulation[] {
      new Modulation(first[0], rest[0], c.here()), new Modulation(first[1], rest[1], c.here())
    };
  }
}
