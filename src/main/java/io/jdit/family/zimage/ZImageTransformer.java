package io.jdit.family.zimage;

import static io.jdit.family.zimage.ZImageConfig.PATCH;

import io.jdit.attention.Attention;
import io.jdit.attention.Tokens;
import io.jdit.checkpoint.Weights;
import io.jdit.family.zimage.ZImageConditioning.Size;
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
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.DiffusionTransformer;
import io.jdit.transformer.ForwardPattern;
import io.jdit.transformer.SequenceParallel;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.List;

/**
 * diffusers' ZImageTransformer2DModel. B batch, N image tokens and P caption tokens with their
 * padding, D hidden width. Image and caption are refined each by itself and then are one sequence,
 * the image first. Padding has learned embeddings and takes part in the attention; only what fills
 * up a batch of different lengths does not.
 */
public final class ZImageTransformer
    implements DiffusionTransformer<ZImageInputs, ZImageConditioning> {
  private static final int TIME_CHANNELS = 256;
  private static final int TIME_WIDTH = 1024;
  private static final double FINAL_EPS = 1e-6;

  private final ZImageConfig config;
  private final SequenceParallel sequence;
  private final DType dtype;
  private final Device device;
  private final Linear timeIn;
  private final Linear timeOut;
  private final Linear xEmbedder;
  private final RmsNorm captionNorm;
  private final Linear captionEmbedder;
  private final Tensor xPadToken; // [1, D]
  private final Tensor capPadToken; // [1, D]
  private final List<Block<ZImageConditioning>> noiseRefiner;
  private final List<Block<ZImageConditioning>> contextRefiner;
  private final BlockGroup<ZImageConditioning> layers;
  private final Linear finalModulation;
  private final Linear finalLinear;

  public ZImageTransformer(
      ZImageConfig config,
      Weights w,
      LinearFactory linears,
      Attention attention,
      SequenceParallel sequence) {
    this.config = config;
    this.sequence = sequence;
    this.dtype = w.dtype();
    this.device = w.device();
    linears.headsPerRank(config.numHeads());
    int d = config.dim();
    int tokenWidth = PATCH * PATCH * config.inChannels();
    Weights time = w.at("t_embedder.mlp");
    timeIn = linears.replicated(time.at(0), TIME_CHANNELS, TIME_WIDTH, true);
    timeOut = linears.replicated(time.at(2), TIME_WIDTH, config.adalnDim(), true);
    xEmbedder = linears.replicated(w.at("all_x_embedder.2-1"), tokenWidth, d, true);
    captionNorm = new RmsNorm(w.at("cap_embedder.0"), config.capFeatDim(), config.normEps());
    captionEmbedder = linears.replicated(w.at("cap_embedder.1"), config.capFeatDim(), d, true);
    xPadToken = w.get("x_pad_token", 1, d);
    capPadToken = w.get("cap_pad_token", 1, d);
    int refiners = config.numRefinerLayers();
    noiseRefiner = blocks(w.at("noise_refiner"), linears, attention, refiners, true);
    contextRefiner = blocks(w.at("context_refiner"), linears, attention, refiners, false);
    layers =
        new BlockGroup<>(
            "layers",
            blocks(w.at("layers"), linears, attention, config.numLayers(), true),
            ForwardPattern.PATTERN_3);
    Weights last = w.at("all_final_layer.2-1");
    finalModulation = linears.replicated(last.at("adaLN_modulation.1"), config.adalnDim(), d, true);
    finalLinear = linears.replicated(last.at("linear"), d, tokenWidth, true);
  }

  private List<Block<ZImageConditioning>> blocks(
      Weights w, LinearFactory linears, Attention attention, int count, boolean modulated) {
    return Block.list(w, count, b -> new ZImageBlock(config, b, linears, attention, modulated));
  }

  public ZImageConfig config() {
    return config;
  }

  /**
   * Positions, P caption tokens with padding: image token r * gridWidth + c at (P + 1, r, c), its
   * padding at 0, caption token k at (1 + k, 0, 0).
   *
   * @param lengths of the captions of a batch, without padding
   * @return [N + P, headDim], with a batch dimension before it when padded lengths differ
   */
  public RotaryTable rotary(int[] lengths, int gridHeight, int gridWidth) {
    int longest = 0;
    boolean ragged = false;
    for (int n : lengths) {
      ragged |= longest > 0 && ZImageInputs.padded(n) != longest;
      longest = Math.max(longest, ZImageInputs.padded(n));
    }
    if (!ragged) {
      return table(longest, longest, gridHeight, gridWidth);
    }
    try (TensorScope scope = TensorScope.open()) {
      List<RotaryTable> rows = new ArrayList<>();
      for (int n : lengths) {
        rows.add(table(ZImageInputs.padded(n), longest, gridHeight, gridWidth));
      }
      RotaryTable all = RotaryTable.ofRows(rows);
      return new RotaryTable(scope.keep(all.cos()), scope.keep(all.sin()));
    }
  }

  private RotaryTable table(int caption, int longest, int gridHeight, int gridWidth) {
    int image = gridHeight * gridWidth;
    int imageTokens = ZImageInputs.padded(image);
    int[][] ids = new int[imageTokens + longest][];
    for (int i = 0; i < imageTokens; i++) {
      ids[i] =
          i < image ? new int[] {caption + 1, i / gridWidth, i % gridWidth} : new int[] {0, 0, 0};
    }
    for (int k = 0; k < caption; k++) {
      ids[imageTokens + k] = new int[] {1 + k, 0, 0};
    }
    return RotaryTable.of(
        ids, config.axesDims(), config.ropeTheta(), RotaryTable.Angles.ROUNDED, device);
  }

  @Override
  public Prepared<ZImageConditioning> prepare(ZImageInputs in) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor image = imageTokens(in.latents());
      long n = image.size(1);
      Tensor imageHere = sequence.part(1, image);
      Size size =
          new Size(
              n, imageHere.size(1), in.latents().size(2) / PATCH, in.latents().size(3) / PATCH);
      long p = in.captionTokens();
      Tokens caption = Tokens.of(sequence.parts(), p);
      Tokens unified = Tokens.of(sequence.parts(), n, p);
      if (in.ragged()) {
        caption = caption.masked(in.there());
        unified = unified.masked(null, in.there());
      }
      Tensor adaln = scope.keep(timeEmbedding(in.timestep()));
      RotaryTable imageRotary = sequence.cut(in.rotary().narrow(0, n), n);
      RotaryTable captionRotary = sequence.cut(in.rotary().narrow(n, p), p);
      RotaryTable rotary = sequence.cut(in.rotary(), n, p);
      Tensor x =
          BlockRunner.runAll(
                  noiseRefiner,
                  new Streams(imageHere, null),
                  new ZImageConditioning(adaln, imageRotary, Tokens.of(sequence.parts(), n), size))
              .hidden();
      Tensor c =
          BlockRunner.runAll(
                  contextRefiner,
                  new Streams(sequence.part(1, captionTokens(in)), null),
                  new ZImageConditioning(adaln, captionRotary, caption, size))
              .hidden();
      if (in.ragged()) {
        c = c.mul(sequence.part(1, there(in)));
      }
      return new Prepared<>(
          new Streams(scope.keep(Tensor.cat(1, x, c)), null),
          new ZImageConditioning(
              adaln,
              new RotaryTable(scope.keep(rotary.cos()), scope.keep(rotary.sin())),
              unified,
              size));
    }
  }

  private Tensor timeEmbedding(Tensor t) {
    Tensor sinusoid = TimestepEmbedding.sinusoid(t.mul(config.tScale()), TIME_CHANNELS).to(dtype);
    return timeOut.forward(Functional.silu(timeIn.forward(sinusoid)));
  }

  /** Tokens of 2 x 2 latent pixels, the channel fastest, then padding: [B, N, D]. */
  private Tensor imageTokens(Tensor latents) {
    long b = latents.size(0);
    long c = latents.size(1);
    long h = latents.size(2) / PATCH;
    long w = latents.size(3) / PATCH;
    Tensor patches =
        latents
            .view(b, c, h, PATCH, w, PATCH)
            .permute(0, 2, 4, 3, 5, 1)
            .reshape(b, h * w, PATCH * PATCH * c);
    Tensor x = xEmbedder.forward(patches);
    long padding = ZImageInputs.padded((int) (h * w)) - h * w;
    return padding == 0 ? x : Tensor.cat(1, x, xPadToken.unsqueeze(0).repeat(b, padding, 1));
  }

  /** Captions with their padding, and zeros where a row is shorter than others: [B, P, D]. */
  private Tensor captionTokens(ZImageInputs in) {
    int[] lengths = in.lengths();
    int p = in.captionTokens();
    Tensor[] rows = new Tensor[lengths.length];
    for (int b = 0; b < rows.length; b++) {
      Tensor features = in.captions().narrow(0, b, 1).narrow(1, 0, lengths[b]);
      Tensor e = captionEmbedder.forward(captionNorm.forward(features));
      int padded = ZImageInputs.padded(lengths[b]);
      Tensor padding = capPadToken.unsqueeze(0).repeat(1, padded - lengths[b], 1);
      rows[b] = Tensor.cat(1, e, padding, Tensor.zeros(dtype, device, 1, p - padded, config.dim()));
    }
    return Tensor.cat(0, rows);
  }

  /** 1 where a row has a caption token, 0 where it is filled up: [B, P, 1]. */
  private Tensor there(ZImageInputs in) {
    boolean[][] there = in.there();
    float[] values = new float[there.length * there[0].length];
    for (int i = 0; i < values.length; i++) {
      values[i] = there[i / there[0].length][i % there[0].length] ? 1 : 0;
    }
    return Tensor.of(values, there.length, there[0].length, 1).to(device, dtype);
  }

  @Override
  public List<BlockGroup<ZImageConditioning>> groups() {
    return List.of(layers);
  }

  @Override
  public Tensor finish(Streams streams, ZImageConditioning c) {
    try (TensorScope scope = TensorScope.open()) {
      Size size = c.size();
      Tensor scale = finalModulation.forward(Functional.silu(c.adaln()));
      Tensor shift = Tensor.zeros(dtype, device, scale.shape());
      Tensor x = streams.hidden().narrow(1, 0, size.here());
      Tensor out =
          sequence.join(
              finalLinear.forward(Kernels.layerNormModulate(x, scale, shift, FINAL_EPS)),
              1,
              size.imageTokens());
      long h = size.gridHeight();
      long w = size.gridWidth();
      long b = out.size(0);
      return scope.keep(
          out.narrow(1, 0, h * w)
              .reshape(b, h, w, PATCH, PATCH, config.inChannels())
              .permute(0, 5, 1, 3, 2, 4)
              .reshape(b, config.inChannels(), PATCH * h, PATCH * w));
    }
  }
}
