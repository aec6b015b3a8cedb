package io.jdit.family.hunyuanvideo;

import static io.jdit.family.hunyuanvideo.HunyuanTransformer.EPS;
import static io.jdit.family.hunyuanvideo.HunyuanTransformer.TIME_CHANNELS;

import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.AttentionKernels;
import io.jdit.kernels.Kernels;
import io.jdit.nn.LayerNorm;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.TimestepEmbedding;
import io.jdit.tensor.DType;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/**
 * diffusers' HunyuanVideoTokenRefiner: a few blocks over the text alone, whose gates depend on the
 * timestep and on the mean of the text. Every rank has the whole text.
 */
final class TokenRefiner {
  private final TimestepEmbedding timestepEmbedder;
  private final TimestepEmbedding textEmbedder;
  private final Linear projIn;
  private final List<RefinerBlock> blocks = new ArrayList<>();

  TokenRefiner(HunyuanConfig config, Weights w, LinearFactory linears) {
    int d = config.innerDim();
    Weights embed = w.at("time_text_embed");
    timestepEmbedder =
        new TimestepEmbedding(embed.at("timestep_embedder"), linears, TIME_CHANNELS, d);
    textEmbedder =
        new TimestepEmbedding(embed.at("text_embedder"), linears, config.textEmbedDim(), d);
    projIn = linears.replicated(w.at("proj_in"), config.textEmbedDim(), d, true);
    Weights list = w.at("token_refiner.refiner_blocks");
    for (int i = 0; i < config.numRefinerLayers(); i++) {
      blocks.add(new RefinerBlock(config, list.at(i), linears));
    }
  }

  /**
   * @param text [B, L, text_embed_dim]
   * @param sinusoid of the timestep, [B, TIME_CHANNELS]
   * @param lengths tokens of each text; those after them are padding
   * @return [B, L, D]
   */
  Tensor forward(Tensor text, Tensor sinusoid, int[] lengths) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor mean = eachRow(lengths, (b, n) -> text(text, b, n).to(DType.FLOAT32).mean(1, false));
      Tensor c =
          timestepEmbedder.forward(sinusoid).add(textEmbedder.forward(mean.to(text.dtype())));
      Tensor gates = Functional.silu(c);
      Tensor y = projIn.forward(text);
      for (RefinerBlock block : blocks) {
        y = block.forward(y, gates, lengths);
      }
      return scope.keep(y);
    }
  }

  /** What is done to a row of the batch, whose text has {@code length} tokens. */
  @FunctionalInterface
  private interface RowFunction {
    Tensor apply(int row, int length);
  }

  private static Tensor eachRow(int[] lengths, RowFunction function) {
    Tensor[] rows = new Tensor[lengths.length];
    for (int b = 0; b < rows.length; b++) {
      rows[b] = function.apply(b, lengths[b]);
    }
    return Tensor.cat(0, rows);
  }

  /** A row of x [B, L, ...] without padding. */
  private static Tensor text(Tensor x, int row, int length) {
    return x.narrow(0, row, 1).narrow(1, 0, length);
  }

  /** diffusers' HunyuanVideoIndividualTokenRefinerBlock. */
  private static final class RefinerBlock {
    /** Whatever the {@code mlp_ratio} of the other blocks. */
    private static final int MLP_RATIO = 4;

    private final LayerNorm norm1;
    private final LayerNorm norm2;
    private final HeadProjections projections;
    private final Linear toOut;
    private final Linear ffIn;
    private final Linear ffOut;
    private final Linear normOut;
    private final int headDim;

    RefinerBlock(HunyuanConfig config, Weights w, LinearFactory linears) {
      int d = config.innerDim();
      norm1 = new LayerNorm(w.at("norm1"), d, EPS);
      norm2 = new LayerNorm(w.at("norm2"), d, EPS);
      projections =
          HeadProjections.perHead(
              w.at("attn"), linears, config.heads(), Names.HIDDEN.withoutNorms());
      toOut = linears.row(w.at("attn.to_out.0"), d, d, true);
      ffIn = linears.column(w.at("ff.net.0.proj"), d, MLP_RATIO * d, true);
      ffOut = linears.row(w.at("ff.net.2"), MLP_RATIO * d, d, true);
      normOut = linears.gathered(w.at("norm_out.linear"), d, 2 * d, true);
      headDim = config.attentionHeadDim();
    }

    Tensor forward(Tensor y, Tensor c, int[] lengths) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor[] gates = normOut.forward(c).chunk(2, -1);
        Tensor a = toOut.forward(attended(norm1.forward(y), lengths).flatten(2, 3));
        Tensor x = Kernels.gatedResidual(y, gates[0], a);
        Tensor f = ffOut.forward(Functional.silu(ffIn.forward(norm2.forward(x))));
        return scope.keep(Kernels.gatedResidual(x, gates[1], f));
      }
    }

    /** Tokens of the text see each other; padding sees the first token, as in the reference. */
    private Tensor attended(Tensor n, int[] lengths) {
      Tensor q = projections.query(n);
      Tensor k = projections.key(n);
      Tensor v = projections.value(n);
      double scale = 1 / Math.sqrt(headDim);
      return eachRow(
          lengths,
          (b, length) -> {
            Tensor o =
                AttentionKernels.attention(
                    text(q, b, length), text(k, b, length), text(v, b, length), scale, false);
            return Tensor.cat(1, o, text(v, b, 1).repeat(1, n.size(1) - length, 1, 1));
          });
    }
  }
}
