package io.jdit.family.flux1;

import io.jdit.attention.Attention;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
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
import java.util.List;

/**
 * diffusers' FluxTransformer2DModel. B batch, T text tokens, N image tokens, S = T + N, D hidden
 * width.
 *
 * <p>Double and single blocks form one group, as the cache expects them: single blocks join text
 * and image inside.
 */
public final class FluxTransformer implements DiffusionTransformer<FluxInputs, FluxConditioning> {
  private static final int TIME_CHANNELS = 256;
  private static final double ROPE_THETA = 10_000;
  static final double EPS = 1e-6;

  private final FluxConfig config;
  private final SequenceParallel sequence;
  private final DType dtype;
  private final Device device;
  private final Linear xEmbedder;
  private final Linear contextEmbedder;
  private final TimestepEmbedding timestepEmbedder;
  private final TimestepEmbedding guidanceEmbedder;
  private final TimestepEmbedding textEmbedder;
  private final BlockGroup<FluxConditioning> blocks;
  private final Linear normOut;
  private final Linear projOut;

  /** A transformer that holds all tokens. */
  public FluxTransformer(FluxConfig config, Weights w, LinearFactory linears, Attention attention) {
    this(config, w, linears, attention, SequenceParallel.none());
  }

  public FluxTransformer(
      FluxConfig config,
      Weights w,
      LinearFactory linears,
      Attention attention,
      SequenceParallel sequence) {
    this.config = config;
    this.sequence = sequence;
    linears.headsPerRank(config.numAttentionHeads());
    this.dtype = w.dtype();
    this.device = w.device();
    int d = config.innerDim();
    xEmbedder = linears.replicated(w.at("x_embedder"), config.inChannels(), d, true);
    contextEmbedder =
        linears.replicated(w.at("context_embedder"), config.jointAttentionDim(), d, true);
    Weights embed = w.at("time_text_embed");
    timestepEmbedder =
        new TimestepEmbedding(embed.at("timestep_embedder"), linears, TIME_CHANNELS, d);
    guidanceEmbedder =
        config.guidanceEmbeds()
            ? new TimestepEmbedding(embed.at("guidance_embedder"), linears, TIME_CHANNELS, d)
            : null;
    textEmbedder =
        new TimestepEmbedding(embed.at("text_embedder"), linears, config.pooledProjectionDim(), d);
    List<Block<FluxConditioning>> list =
        Block.list(
            w.at("transformer_blocks"),
            config.numLayers(),
            b -> new FluxDoubleBlock(config, b, linears, attention));
    list.addAll(
        Block.list(
            w.at("single_transformer_blocks"),
            config.numSingleLayers(),
            b -> new FluxSingleBlock(config, b, linears, attention)));
    blocks = new BlockGroup<>("transformer_blocks", list, ForwardPattern.PATTERN_1);
    normOut = linears.replicated(w.at("norm_out.linear"), d, 2 * d, true);
    projOut = linears.replicated(w.at("proj_out"), d, config.outChannels(), true);
  }

  public FluxConfig config() {
    return config;
  }

  /** Positions: text tokens at (0, 0, 0), image token y * gridWidth + x at (0, y, x). */
  public RotaryTable rotary(int textTokens, int gridHeight, int gridWidth) {
    int[][] ids = new int[textTokens + gridHeight * gridWidth][3];
    for (int i = textTokens; i < ids.length; i++) {
      ids[i][1] = (i - textTokens) / gridWidth;
      ids[i][2] = (i - textTokens) % gridWidth;
    }
    return RotaryTable.of(ids, config.axesDimsRope(), ROPE_THETA, device);
  }

  /** Inputs of these sizes for one picture, without content: what a cost is counted with. */
  public FluxInputs sized(int textTokens, int gridHeight, int gridWidth) {
    return new FluxInputs(
        Tensor.empty(dtype, device, 1, (long) gridHeight * gridWidth, config.inChannels()),
        Tensor.empty(dtype, device, 1, textTokens, config.jointAttentionDim()),
        Tensor.empty(dtype, device, 1, config.pooledProjectionDim()),
        Tensor.empty(dtype, device, 1),
        Tensor.empty(DType.FLOAT32, device, 1),
        rotary(textTokens, gridHeight, gridWidth));
  }

  @Override
  public Prepared<FluxConditioning> prepare(FluxInputs in) {
    try (TensorScope scope = TensorScope.open()) {
      SequenceParallel.Cut cut = sequence.cut(1, in.promptEmbeds(), in.latents());
      Tensor encoder = scope.keep(contextEmbedder.forward(cut.parts().get(0)));
      Tensor hidden = scope.keep(xEmbedder.forward(cut.parts().get(1)));
      long imageTokens = in.latents().size(1);
      RotaryTable rotary = sequence.cut(in.rotary(), in.promptEmbeds().size(1), imageTokens);
      // The factor 1000 is applied in the model's dtype: 967.9 becomes 968 in bfloat16, as in the
      // reference.
      Tensor temb = timestepEmbedder.forward(sinusoid(in.timestep().to(dtype)));
      if (guidanceEmbedder != null) {
        temb = temb.add(guidanceEmbedder.forward(sinusoid(in.guidance().to(dtype))));
      }
      temb = temb.add(textEmbedder.forward(in.pooledPromptEmbeds()));
      FluxConditioning conditioning =
          new FluxConditioning(
              scope.keep(Functional.silu(temb)),
              new RotaryTable(scope.keep(rotary.cos()), scope.keep(rotary.sin())),
              cut.tokens(),
              imageTokens);
      return new Prepared<>(new Streams(hidden, encoder), conditioning);
    }
  }

  private Tensor sinusoid(Tensor t) {
    return TimestepEmbedding.sinusoid(t.mul(1000), TIME_CHANNELS).to(dtype);
  }

  @Override
  public List<BlockGroup<FluxConditioning>> groups() {
    return List.of(blocks);
  }

  @Override
  public Tensor finish(Streams streams, FluxConditioning c) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] mod = normOut.forward(c.temb()).chunk(2, -1); // scale first, unlike in the blocks
      Tensor here =
          projOut.forward(Kernels.layerNormModulate(streams.hidden(), mod[0], mod[1], EPS));
      return scope.keep(sequence.join(here, 1, c.imageTokens()));
    }
  }
}
