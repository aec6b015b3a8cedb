package io.jdit.family.hunyuanvideo;

import io.jdit.attention.Attention;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.PatchEmbedding;
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
import io.jdit.transformer.SequenceParallel;
import io.jdit.transformer.Streams;
import java.util.Arrays;
import java.util.List;

/**
 * diffusers' HunyuanVideoTransformer3DModel. B batch, N video tokens, L text tokens with padding, D
 * hidden width. Padding is computed like the rest, and no key of any attention.
 */
public final class HunyuanTransformer
    implements DiffusionTransformer<HunyuanInputs, HunyuanConditioning> {
  static final int TIME_CHANNELS = 256;
  static final double EPS = 1e-6;

  private final HunyuanConfig config;
  private final SequenceParallel sequence;
  private final DType dtype;
  private final Device device;
  private final PatchEmbedding xEmbedder;
  private final TokenRefiner contextEmbedder;
  private final TimestepEmbedding timestepEmbedder;
  private final TimestepEmbedding guidanceEmbedder; // null for models without
  private final TimestepEmbedding textEmbedder;
  private final List<BlockGroup<HunyuanConditioning>> groups;
  private final Linear normOut;
  private final Linear projOut;

  public HunyuanTransformer(
      HunyuanConfig config,
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
    xEmbedder =
        new PatchEmbedding(w.at("x_embedder.proj"), config.inChannels(), d, config.patchSize());
    contextEmbedder = new TokenRefiner(config, w.at("context_embedder"), linears);
    Weights embed = w.at("time_text_embed");
    timestepEmbedder =
        new TimestepEmbedding(embed.at("timestep_embedder"), linears, TIME_CHANNELS, d);
    guidanceEmbedder =
        config.guidanceEmbeds()
            ? new TimestepEmbedding(embed.at("guidance_embedder"), linears, TIME_CHANNELS, d)
            : null;
    textEmbedder =
        new TimestepEmbedding(embed.at("text_embedder"), linears, config.pooledProjectionDim(), d);
    String doubles = "transformer_blocks";
    List<Block<HunyuanConditioning>> doubleBlocks =
        Block.list(
            w.at(doubles),
            config.numLayers(),
            b -> new HunyuanDoubleBlock(config, b, linears, attention));
    String singles = "single_transformer_blocks";
    List<Block<HunyuanConditioning>> singleBlocks =
        Block.list(
            w.at(singles),
            config.numSingleLayers(),
            b -> new HunyuanSingleBlock(config, b, linears, attention));
    groups =
        List.of(
            new BlockGroup<>(doubles, doubleBlocks, ForwardPattern.PATTERN_0),
            new BlockGroup<>(singles, singleBlocks, ForwardPattern.PATTERN_0));
    normOut = linears.replicated(w.at("norm_out.linear"), d, 2 * d, true);
    projOut =
        linears.replicated(
            w.at("proj_out"), d, config.outChannels() * config.patch() * config.patch(), true);
  }

  public HunyuanConfig config() {
    return config;
  }

  /**
   * Positions of the patches, frame slowest, then row, then column; after them the text, all at 0,
   * where nothing turns.
   */
  public RotaryTable rotary(int frames, int rows, int columns, int textTokens) {
    int[][] ids = new int[frames * rows * columns + textTokens][3];
    for (int i = 0; i < ids.length - textTokens; i++) {
      ids[i] = new int[] {i / (rows * columns), i / columns % rows, i % columns};
    }
    return RotaryTable.of(
        ids, config.ropeAxesDim(), config.ropeTheta(), RotaryTable.Angles.FLOAT32, device);
  }

  @Override
  public Prepared<HunyuanConditioning> prepare(HunyuanInputs in) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor latents = in.latents().to(dtype);
      long[] grid = {
        latents.size(2), latents.size(3) / config.patch(), latents.size(4) / config.patch()
      };
      Tensor time = sinusoid(in.timestep());
      Tensor temb = timestepEmbedder.forward(time);
      if (guidanceEmbedder != null) {
        // The factor is applied in the model's dtype: 6 becomes 6016 in bfloat16.
        Tensor guidance = sinusoid(in.guidance().to(dtype).mul(1000));
        temb = temb.add(guidanceEmbedder.forward(guidance));
      }
      temb = temb.add(textEmbedder.forward(in.pooledPromptEmbeds()));
      Tensor text = contextEmbedder.forward(in.promptEmbeds().to(dtype), time, in.textLengths());
      SequenceParallel.Cut cut = sequence.cut(1, xEmbedder.fold(latents), text);
      RotaryTable rotary = sequence.cut(in.rotary(), cut.tokens().lengths());
      HunyuanConditioning conditioning =
          new HunyuanConditioning(
              scope.keep(Functional.silu(temb)),
              new RotaryTable(scope.keep(rotary.cos()), scope.keep(rotary.sin())),
              cut.tokens().masked(null, counting(in.textLengths(), (int) text.size(1))),
              grid);
      Tensor hidden = xEmbedder.forward(cut.parts().get(0));
      return new Prepared<>(
          new Streams(scope.keep(hidden), scope.keep(cut.parts().get(1))), conditioning);
    }
  }

  /** Of each text the tokens that are no padding. */
  private static boolean[][] counting(int[] lengths, int padded) {
    boolean[][] counting = new boolean[lengths.length][padded];
    for (int b = 0; b < lengths.length; b++) {
      Arrays.fill(counting[b], 0, lengths[b], true);
    }
    return counting;
  }

  private Tensor sinusoid(Tensor t) {
    return TimestepEmbedding.sinusoid(t, TIME_CHANNELS).to(dtype);
  }

  @Override
  public List<BlockGroup<HunyuanConditioning>> groups() {
    return groups;
  }

  @Override
  public Tensor finish(Streams streams, HunyuanConditioning c) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] mod = normOut.forward(c.temb()).chunk(2, -1); // scale first, unlike in the blocks
      Tensor here =
          projOut.forward(Kernels.layerNormModulate(streams.hidden(), mod[0], mod[1], EPS));
      Tensor patches = sequence.join(here, 1, c.videoTokens());
      long[] g = c.grid();
      int p = config.patch();
      return scope.keep( // channels are slowest: (channel, row, column) within a patch
          patches
              .reshape(patches.size(0), g[0], g[1], g[2], config.outChannels(), p, p)
              .permute(0, 4, 1, 2, 5, 3, 6)
              .reshape(patches.size(0), config.outChannels(), g[0], g[1] * p, g[2] * p));
    }
  }
}
