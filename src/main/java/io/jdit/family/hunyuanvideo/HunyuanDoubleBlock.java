package io.jdit.family.hunyuanvideo;

import static io.jdit.family.hunyuanvideo.HunyuanTransformer.EPS;

import io.jdit.attention.Attention;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.FeedForward;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Block;
import io.jdit.transformer.Streams;

/**
 * diffusers' HunyuanVideoTransformerBlock: video and text with weights of their own, joined in the
 * attention.
 */
final class HunyuanDoubleBlock implements Block<HunyuanConditioning> {
  private final Linear norm1;
  private final Linear norm1Context;
  private final HeadProjections video;
  private final HeadProjections text;
  private final Linear toOut;
  private final Linear toAddOut;
  private final FeedForward ff;
  private final FeedForward ffContext;
  private final Attention attention;

  HunyuanDoubleBlock(HunyuanConfig config, Weights w, LinearFactory linears, Attention attention) {
    int d = config.innerDim();
    Weights attn = w.at("attn");
    norm1 = linears.gathered(w.at("norm1.linear"), d, 6 * d, true);
    norm1Context = linears.gathered(w.at("norm1_context.linear"), d, 6 * d, true);
    video = HeadProjections.perHead(attn, linears, config.heads(), Names.HIDDEN);
    text = HeadProjections.perHead(attn, linears, config.heads(), Names.ADDED);
    toOut = linears.row(attn.at("to_out.0"), d, d, true);
    toAddOut = linears.row(attn.at("to_add_out"), d, d, true);
    ff = new FeedForward(w.at("ff"), linears, d, config.mlpWidth());
    ffContext = new FeedForward(w.at("ff_context"), linears, d, config.mlpWidth());
    this.attention = attention;
  }

  @Override
  public Streams forward(Streams in, HunyuanConditioning c) {
    // Shift, scale and gate of the attention, the same of the feed-forward.
    Tensor[] mod = norm1.forward(c.temb()).chunk(6, -1);
    Tensor[] modContext = norm1Context.forward(c.temb()).chunk(6, -1);
    Streams attended = attended(in, c, mod, modContext);
    return new Streams(
        fed(attended.hidden(), ff, mod), fed(attended.encoder(), ffContext, modContext));
  }

  // Tokens of a video are many: what a part makes on the way goes before the next one begins.

  private Streams attended(Streams in, HunyuanConditioning c, Tensor[] mod, Tensor[] modContext) {
    Tensor x = in.hidden(); // [B, N, D]
    Tensor e = in.encoder(); // [B, L, D]
    try (TensorScope scope = TensorScope.open()) {
      Tensor o =
          HeadProjections.attend(
                  attention,
                  c.tokens(),
                  c.rotary(),
                  video.of(Kernels.layerNormModulate(x, mod[1], mod[0], EPS)),
                  text.of(Kernels.layerNormModulate(e, modContext[1], modContext[0], EPS)))
              .await()
              .flatten(2, 3); // [B, N + L, D / ranks]
      Tensor ox = toOut.forward(o.narrow(1, 0, x.size(1)));
      Tensor oe = toAddOut.forward(o.narrow(1, x.size(1), e.size(1)));
      return new Streams(
              Kernels.gatedResidual(x, mod[2], ox), Kernels.gatedResidual(e, modContext[2], oe))
          .keepIn(scope);
    }
  }

  private static Tensor fed(Tensor x, FeedForward ff, Tensor[] mod) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor y = ff.forward(Kernels.layerNormModulate(x, mod[4], mod[3], EPS));
      return scope.keep(Kernels.gatedResidual(x, mod[5], y));
    }
  }
}
