package io.jdit.family.wan;

import io.jdit.attention.Attention;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Input;
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
import java.util.ArrayList;
import java.util.List;

/**
 * diffusers' WanTransformer3DModel. B batch, N video tokens, L text tokens, I picture tokens, D
 * hidden width. Text and picture are complete on every rank; only the video is shared out.
 */
public final class WanTransformer implements DiffusionTransformer<WanInputs, WanConditioning> {
  private static final double ROPE_THETA = 10_000;

  private final WanConfig config;
  private final SequenceParallel sequence;
  private final DType dtype;
  private final Device device;
  private final PatchEmbedding patchEmbedding;
  private final TimestepEmbedding timeEmbedder;
  private final Linear timeProj;
  private final Linear textEmbedder1;
  private final Linear textEmbedder2;
  private final PictureEmbedder imageEmbedder; // null for models that take no pictures
  private final BlockGroup<WanConditioning> blocks;
  private final Tensor scaleShiftTable; // float32 [1, 2, D]
  private final Linear projOut;

  public WanTransformer(
      WanConfig config,
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
    patchEmbedding =
        new PatchEmbedding(w.at("patch_embedding"), config.inChannels(), d, config.patchSize());
    Weights embed = w.at("condition_embedder");
    timeEmbedder =
        new TimestepEmbedding(
            embed.at("time_embedder").as(DType.FLOAT32), linears, config.freqDim(), d);
    timeProj = linears.replicated(embed.at("time_proj"), d, 6 * d, true);
    Weights text = embed.at("text_embedder");
    textEmbedder1 = linears.replicated(text.at("linear_1"), config.textDim(), d, true);
    textEmbedder2 = linears.replicated(text.at("linear_2"), d, d, true);
    imageEmbedder =
        config.takesPictureEmbeddings()
            ? new PictureEmbedder(config, embed.at("image_embedder"), linears)
            : null;
    List<Block<WanConditioning>> list =
        Block.list(
            w.at("blocks"), config.numLayers(), b -> new WanBlock(config, b, linears, attention));
    blocks = new BlockGroup<>("blocks", list, ForwardPattern.PATTERN_2);
    scaleShiftTable = w.as(DType.FLOAT32).get("scale_shift_table", 1, 2, d);
    projOut =
        linears.replicated(
            w.at("proj_out"), d, config.outChannels() * config.patch() * config.patch(), true);
  }

  public WanConfig config() {
    return config;
  }

  /**
   * Positions of the patches, frame slowest, then row, then column.
   *
   * @throws IllegalArgumentException when an axis has more than {@code rope_max_seq_len}
   */
  public RotaryTable rotary(int frames, int rows, int columns) {
    if (Math.max(frames, Math.max(rows, columns)) > config.ropeMaxSeqLen()) {
      throw new IllegalArgumentException(
          frames
              + " x "
              + rows
              + " x "
              + columns
              + " patches: this model has positions for at most "
              + config.ropeMaxSeqLen()
              + " along an axis");
    }
    int[][] ids = new int[frames * rows * columns][];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = new int[] {i / (rows * columns), i / columns % rows, i % columns};
    }
    return RotaryTable.of(ids, config.axes(), ROPE_THETA, device);
  }

  @Override
  public Prepared<WanConditioning> prepare(WanInputs in) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor latents = in.latents().to(dtype);
      long[] grid = {
        latents.size(2), latents.size(3) / config.patch(), latents.size(4) / config.patch()
      };
      long tokens = grid[0] * grid[1] * grid[2];
      SequenceParallel.Cut cut = sequence.cut(1, patchEmbedding.fold(latents));
      Tensor hidden = patchEmbedding.forward(cut.parts().get(0));
      Tensor context =
          textEmbedder2.forward(
              textEmbedder1.forwardGeluTanh(Input.of(in.promptEmbeds().to(dtype))));
      long pictureTokens = 0;
      if (imageEmbedder != null) {
        pictureTokens = in.imageEmbeds().size(1);
        context = Tensor.cat(1, imageEmbedder.forward(in.imageEmbeds().to(dtype)), context);
      }
      RotaryTable rotary = sequence.cut(in.rotary(), tokens);
      List<WanConditioning.Span> spans = new ArrayList<>();
      long first =
          in.firstTimestep() == null ? 0 : ofTheFirst(grid[1] * grid[2], tokens, hidden.size(1));
      if (first > 0) {
        spans.add(span(0, first, in.firstTimestep(), scope));
      }
      if (first < hidden.size(1)) {
        spans.add(span(first, hidden.size(1) - first, in.timestep(), scope));
      }
      WanConditioning conditioning =
          new WanConditioning(
              List.copyOf(spans),
              new RotaryTable(scope.keep(rotary.cos()), scope.keep(rotary.sin())),
              cut.tokens(),
              pictureTokens,
              grid);
      return new Prepared<>(new Streams(scope.keep(hidden), scope.keep(context)), conditioning);
    }
  }

  /** Tokens on this rank that are among the first {@code most} of {@code all}. */
  private long ofTheFirst(long most, long all, long here) {
    try (TensorScope scope = TensorScope.open()) {
      long start = sequence.part(0, Tensor.arange(all, DType.INT64, Device.CPU)).toLongs()[0];
      return Math.max(0, Math.min(here, most - start));
    }
  }

  private WanConditioning.Span span(long start, long length, Tensor timestep, TensorScope scope) {
    Tensor sinusoid = TimestepEmbedding.sinusoid(timestep, config.freqDim());
    Tensor temb = timeEmbedder.forward(sinusoid).to(dtype);
    Tensor projected = timeProj.forward(Functional.silu(temb)).to(DType.FLOAT32);
    return new WanConditioning.Span(
        start,
        length,
        scope.keep(temb),
        scope.keep(projected.view(projected.size(0), 6, config.innerDim())));
  }

  @Override
  public List<BlockGroup<WanConditioning>> groups() {
    return List.of(blocks);
  }

  @Override
  public Tensor finish(Streams streams, WanConditioning c) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h =
          c.perSpan(
              (i, part) -> {
                Tensor temb = c.spans().get(i).temb().to(DType.FLOAT32);
                Tensor mod = scaleShiftTable.add(temb.unsqueeze(1)); // shift, scale
                return Kernels.layerNormModulate(
                        part.to(DType.FLOAT32), mod.select(1, 1), mod.select(1, 0), config.eps())
                    .to(part.dtype());
              },
              streams.hidden());
      long[] g = c.grid();
      Tensor patches = sequence.join(projOut.forward(h), 1, g[0] * g[1] * g[2]);
      int p = config.patch();
      return scope.keep( // channels are fastest: (row, column, channel) within a patch
          patches
              .reshape(patches.size(0), g[0], g[1], g[2], p, p, config.outChannels())
              .permute(0, 6, 1, 2, 4, 3, 5)
              .reshape(patches.size(0), config.outChannels(), g[0], g[1] * p, g[2] * p));
    }
  }
}
