package io.jdit.family.qwenimage;

import io.jdit.attention.Attention;
import io.jdit.attention.Tokens;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.nn.RotaryTable;
import io.jdit.nn.TimestepEmbedding;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Block;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.DiffusionTransformer;
import io.jdit.transformer.ForwardPattern;
import io.jdit.transformer.Grid;
import io.jdit.transformer.SequenceParallel;
import io.jdit.transformer.Streams;
import java.util.Arrays;
import java.util.List;

/**
 * diffusers' QwenImageTransformer2DModel. B batch, T text tokens, N tokens of the latents, C tokens
 * of given pictures, D hidden width. The hidden stream is the latents followed by the pictures.
 */
public final class QwenImageTransformer
    implements DiffusionTransformer<QwenImageInputs, QwenImageConditioning> {
  private static final int TIME_CHANNELS = 256;
  private static final double ROPE_THETA = 10_000;
  static final double EPS = 1e-6;

  private final QwenImageConfig config;
  private final SequenceParallel sequence;
  private final DType dtype;
  private final Device device;
  private final Linear imgIn;
  private final RmsNorm txtNorm;
  private final Linear txtIn;
  private final TimestepEmbedding timestepEmbedder;
  private final BlockGroup<QwenImageConditioning> blocks;
  private final Linear normOut;
  private final Linear projOut;

  public QwenImageTransformer(
      QwenImageConfig config,
      Weights w,
      LinearFactory linears,
      Attention attention,
      SequenceParallel sequence) {
    this.config = config;
    this.sequence = sequence;
    this.dtype = w.dtype();
    this.device = w.device();
    linears.headsPerRank(config.numAttentionHeads());
    int d = config.innerDim();
    imgIn = linears.replicated(w.at("img_in"), config.inChannels(), d, true);
    txtNorm = new RmsNorm(w.at("txt_norm"), config.jointAttentionDim(), EPS);
    txtIn = linears.replicated(w.at("txt_in"), config.jointAttentionDim(), d, true);
    timestepEmbedder =
        new TimestepEmbedding(w.at("time_text_embed.timestep_embedder"), linears, TIME_CHANNELS, d);
    List<Block<QwenImageConditioning>> list =
        Block.list(
            w.at("transformer_blocks"),
            config.numLayers(),
            b -> new QwenImageBlock(config, b, linears, attention));
    blocks = new BlockGroup<>("transformer_blocks", list, ForwardPattern.PATTERN_1);
    normOut = linears.replicated(w.at("norm_out.linear"), d, 2 * d, true);
    projOut = linears.replicated(w.at("proj_out"), d, config.outChannels(), true);
  }

  public QwenImageConfig config() {
    return config;
  }

  /**
   * Positions: token (r, c) of picture i at (i, r, c), counted from the middle of the picture; text
   * token k at M + k on all three axes, M half of the longest side.
   *
   * @param pictures the latents' grid, then those of given pictures
   */
  public RotaryTable rotary(int textTokens, List<Grid> pictures) {
    int tokens = textTokens + pictures.stream().mapToInt(Grid::tokens).sum();
    int[][] ids = new int[tokens][];
    int most = 0;
    int at = textTokens;
    for (int i = 0; i < pictures.size(); i++) {
      int h = pictures.get(i).height();
      int w = pictures.get(i).width();
      most = Math.max(most, Math.max(h / 2, w / 2));
      for (int r = 0; r < h; r++) {
        for (int c = 0; c < w; c++) {
          ids[at++] = new int[] {i, r - (h - h / 2), c - (w - w / 2)};
        }
      }
    }
    for (int k = 0; k < textTokens; k++) {
      ids[k] = new int[] {most + k, most + k, most + k};
    }
    return RotaryTable.of(
        ids, config.axesDimsRope(), ROPE_THETA, RotaryTable.Angles.FLOAT32, device);
  }

  @Override
  public Prepared<QwenImageConditioning> prepare(QwenImageInputs in) {
    try (TensorScope scope = TensorScope.open()) {
      boolean edits = in.pictures() != null;
      SequenceParallel.Cut cut =
          edits
              ? sequence.cut(1, in.promptEmbeds(), in.latents(), in.pictures())
              : sequence.cut(1, in.promptEmbeds(), in.latents());
      Tensor latents = cut.parts().get(1);
      Tensor encoder = txtIn.forward(txtNorm.forward(cut.parts().get(0)));
      Tensor hidden = imgIn.forward(edits ? Tensor.cat(1, latents, cut.parts().get(2)) : latents);
      RotaryTable rotary = sequence.cut(in.rotary(), cut.tokens().lengths());
      Tensor zero = edits && config.zeroCondT() ? temb(in.timestep().mul(0)) : null;
      QwenImageConditioning conditioning =
          new QwenImageConditioning(
              scope.keep(temb(in.timestep())),
              zero == null ? null : scope.keep(zero),
              new RotaryTable(scope.keep(rotary.cos()), scope.keep(rotary.sin())),
              in.textLengths() == null ? cut.tokens() : masked(cut.tokens(), in.textLengths()),
              latents.size(1),
              in.latents().size(1));
      return new Prepared<>(new Streams(scope.keep(hidden), scope.keep(encoder)), conditioning);
    }
  }

  private static Tokens masked(Tokens tokens, int[] textLengths) {
    boolean[][][] masks = new boolean[tokens.lengths().length][][];
    masks[0] = new boolean[textLengths.length][(int) tokens.lengths()[0]];
    for (int b = 0; b < textLengths.length; b++) {
      Arrays.fill(masks[0][b], 0, textLengths[b], true);
    }
    return tokens.masked(masks);
  }

  /** After SiLU, which every use of it begins with. */
  private Tensor temb(Tensor timestep) {
    // The factor 1000 is applied in float32, unlike in FLUX.1.
    Tensor t = timestep.to(dtype).to(DType.FLOAT32).mul(1000);
    Tensor sinusoid = TimestepEmbedding.sinusoid(t, TIME_CHANNELS).to(dtype);
    return Functional.silu(timestepEmbedder.forward(sinusoid));
  }

  @Override
  public List<BlockGroup<QwenImageConditioning>> groups() {
    return List.of(blocks);
  }

  /** Of the latents' tokens, [B, N, out_channels]. */
  @Override
  public Tensor finish(Streams streams, QwenImageConditioning c) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] mod = normOut.forward(c.temb()).chunk(2, -1); // scale first, unlike in the blocks
      Tensor x = streams.hidden().narrow(1, 0, c.here());
      Tensor here = projOut.forward(Kernels.layerNormModulate(x, mod[0], mod[1], EPS));
      return scope.keep(sequence.join(here, 1, c.imageTokens()));
    }
  }
}
