package io.jdit.family.flux2;

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
import io.jdit.transformer.Grid;
import io.jdit.transformer.SequenceParallel;
import io.jdit.transformer.Streams;
import java.util.List;

/**
 * diffusers' Flux2Transformer2DModel. B batch, T text tokens, N tokens of the latents, R tokens of
 * reference pictures, D hidden width. The image stream is the latents followed by the pictures.
 *
 * <p>Double and single blocks are groups of their own, as the cache expects them: single blocks
 * have one stream, text followed by image.
 */
public final class Flux2Transformer
    implements DiffusionTransformer<Flux2Inputs, Flux2Conditioning> {
  /** Distance of reference pictures on the axis of time. */
  private static final int PICTURE_DISTANCE = 10;

  private final Flux2Config config;
  private final SequenceParallel sequence;
  private final DType dtype;
  private final Device device;
  private final Linear xEmbedder;
  private final Linear contextEmbedder;
  private final TimestepEmbedding timestepEmbedder;
  private final TimestepEmbedding guidanceEmbedder; // null without guidance_embeds
  private final Linear imageModulation;
  private final Linear textModulation;
  private final Linear singleModulation;
  private final BlockGroup<Flux2Conditioning> doubles;
  private final BlockGroup<Flux2Conditioning> singles;
  private final Linear normOut;
  private final Linear projOut;

  public Flux2Transformer(
      Flux2Config config,
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
    xEmbedder = linears.replicated(w.at("x_embedder"), config.inChannels(), d, false);
    contextEmbedder =
        linears.replicated(w.at("context_embedder"), config.jointAttentionDim(), d, false);
    timestepEmbedder = embedder(w, linears, "timestep_embedder");
    guidanceEmbedder = config.guidanceEmbeds() ? embedder(w, linears, "guidance_embedder") : null;
    imageModulation =
        linears.replicated(w.at("double_stream_modulation_img.linear"), d, 6 * d, false);
    textModulation =
        linears.replicated(w.at("double_stream_modulation_txt.linear"), d, 6 * d, false);
    singleModulation = linears.replicated(w.at("single_stream_modulation.linear"), d, 3 * d, false);
    String two = "transformer_blocks";
    doubles =
        new BlockGroup<>(
            two,
            Block.list(
                w.at(two),
                config.numLayers(),
                b -> new Flux2DoubleBlock(config, b, linears, attention)),
            ForwardPattern.PATTERN_1);
    String one = "single_transformer_blocks";
    singles =
        new BlockGroup<>(
            one,
            Block.list(
                w.at(one),
                config.numSingleLayers(),
                b -> new Flux2SingleBlock(config, b, linears, attention)),
            ForwardPattern.PATTERN_3);
    normOut = linears.replicated(w.at("norm_out.linear"), d, 2 * d, false);
    projOut = linears.replicated(w.at("proj_out"), d, config.outChannels(), false);
  }

  private TimestepEmbedding embedder(Weights w, LinearFactory linears, String name) {
    return new TimestepEmbedding(
        w.at("time_guidance_embed").at(name),
        linears,
        config.timestepGuidanceChannels(),
        config.innerDim(),
        false);
  }

  public Flux2Config config() {
    return config;
  }

  /**
   * Positions on the axes time, row, column and text: text token k at (0, 0, 0, k), token (r, c) of
   * the latents at (0, r, c, 0), of the reference picture i at (10 + 10 i, r, c, 0).
   *
   * @param grids the latents', then those of reference pictures
   */
  public RotaryTable rotary(int textTokens, List<Grid> grids) {
    int[][] ids = new int[textTokens + grids.stream().mapToInt(Grid::tokens).sum()][];
    for (int k = 0; k < textTokens; k++) {
      ids[k] = new int[] {0, 0, 0, k};
    }
    int at = textTokens;
    for (int i = 0; i < grids.size(); i++) {
      Grid grid = grids.get(i);
      for (int t = 0; t < grid.tokens(); t++) {
        ids[at++] = new int[] {PICTURE_DISTANCE * i, t / grid.width(), t % grid.width(), 0};
      }
    }
    return RotaryTable.of(ids, config.axesDimsRope(), config.ropeTheta(), device);
  }

  @Override
  public Prepared<Flux2Conditioning> prepare(Flux2Inputs in) {
    try (TensorScope scope = TensorScope.open()) {
      boolean pictures = in.pictures() != null;
      SequenceParallel.Cut cut =
          pictures
              ? sequence.cut(1, in.promptEmbeds(), in.latents(), in.pictures())
              : sequence.cut(1, in.promptEmbeds(), in.latents());
      Tensor latents = cut.parts().get(1);
      Tensor encoder = scope.keep(contextEmbedder.forward(cut.parts().get(0)));
      Tensor hidden =
          scope.keep(
              xEmbedder.forward(pictures ? Tensor.cat(1, latents, cut.parts().get(2)) : latents));
      RotaryTable rotary = sequence.cut(in.rotary(), cut.tokens().lengths());
      Tensor temb = temb(in);
      return new Prepared<>(
          new Streams(hidden, encoder),
          new Flux2Conditioning(
                  temb,
                  imageModulation.forward(temb),
                  textModulation.forward(temb),
                  singleModulation.forward(temb),
                  rotary,
                  cut.tokens(),
                  encoder.size(1),
                  latents.size(1),
                  in.latents().size(1))
              .keepIn(scope));
    }
  }

  /** After SiLU, which every use of it begins with. */
  private Tensor temb(Flux2Inputs in) {
    Tensor temb = timestepEmbedder.forward(sinusoid(in.timestep()));
    if (guidanceEmbedder != null && in.guidance() != null) {
      temb = temb.add(guidanceEmbedder.forward(sinusoid(in.guidance())));
    }
    return Functional.silu(temb);
  }

  /**
   * The factor 1000 is applied in the model's dtype: 967.9 becomes 968 in bfloat16, as in the
   * reference.
   */
  private Tensor sinusoid(Tensor t) {
    int channels = config.timestepGuidanceChannels();
    return TimestepEmbedding.sinusoid(t.to(dtype).mul(1000), channels).to(dtype);
  }

  @Override
  public List<BlockGroup<Flux2Conditioning>> groups() {
    return List.of(doubles, singles);
  }

  /** Single blocks take text and image as one stream. */
  @Override
  public Streams enter(BlockGroup<Flux2Conditioning> group, Streams streams) {
    return group == singles
        ? new Streams(Tensor.cat(1, streams.encoder(), streams.hidden()), null)
        : streams;
  }

  /** Of the latents' tokens, [B, N, out_channels]. */
  @Override
  public Tensor finish(Streams streams, Flux2Conditioning c) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] mod = normOut.forward(c.temb()).chunk(2, -1); // scale first, unlike in the blocks
      Tensor x = streams.hidden().narrow(1, c.textHere(), c.latentsHere());
      Tensor here = projOut.forward(Kernels.layerNormModulate(x, mod[0], mod[1], config.eps()));
      return scope.keep(sequence.join(here, 1, c.latents()));
    }
  }
}
