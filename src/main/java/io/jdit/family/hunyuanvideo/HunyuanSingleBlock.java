package io.jdit.family.hunyuanvideo;

import static io.jdit.family.hunyuanvideo.HunyuanTransformer.EPS;

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
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Block;
import io.jdit.transformer.Streams;

/**
 * diffusers' HunyuanVideoSingleTransformerBlock: video and text as one sequence, attention and
 * feed-forward in parallel.
 */
final class HunyuanSingleBlock implements Block<HunyuanConditioning> {
  private final Linear norm;
  private final HeadProjections projections;
  private final Linear projMlp;
  private final Linear projOut;
  private final Attention attention;

  HunyuanSingleBlock(HunyuanConfig config, Weights w, LinearFactory linears, Attention attention) {
    int d = config.innerDim();
    int mlp = config.mlpWidth();
    norm = linears.gathered(w.at("norm.linear"), d, 3 * d, true);
    projections = HeadProjections.perHead(w.at("attn"), linears, config.heads(), Names.HIDDEN);
    projMlp = linears.column(w.at("proj_mlp"), d, mlp, true);
    projOut = linears.row(w.at("proj_out"), new int[] {d, mlp}, d, true);
    this.attention = attention;
  }

  @Override
  public Streams forward(Streams in, HunyuanConditioning c) {
    long videoTokens = in.hidden().size(1);
    long textTokens = in.encoder().size(1);
    Tensor z = Functional.joined(1, in.hidden(), in.encoder()); // [B, S, D]
    Tensor[] mod = norm.forward(c.temb()).chunk(3, -1); // shift, scale, gate
    z = Kernels.gatedResidual(z, mod[2], attentionAndMlp(z, mod, c));
    return new Streams(z.narrow(1, 0, videoTokens), z.narrow(1, videoTokens, textTokens));
  }

  /** Projected together to [B, S, D]. */
  private Tensor attentionAndMlp(Tensor z, Tensor[] mod, HunyuanConditioning c) {
    try (TensorScope scope = TensorScope.open()) {
      Input n = Input.of(Kernels.layerNormModulate(z, mod[1], mod[0], EPS));
      AttentionCall.Result attending =
          HeadProjections.attend(attention, c.tokens(), c.rotary(), projections.of(n));
      Input mlp = projMlp.geluTanhFor(projOut, n);
      return scope.keep(projOut.forward(mlp.behind(attending.await().flatten(2, 3))));
    }
  }
}
