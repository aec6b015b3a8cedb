package io.jdit.textencoder;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * transformers' Qwen2_5_VisionTransformer: pictures to tokens of the language model. N patches of
 * all pictures, M = N / 4 tokens.
 */
public final class QwenVisionTower {
  private static final double ROPE_THETA = 10_000;

  private final QwenVisionConfig config;
  private final DType dtype;
  private final Device device;
  private final Tensor patchEmbed; // [D, 3, 2, patch, patch]
  private final List<QwenVisionBlock> blocks = new ArrayList<>();
  private final RmsNorm lnQ;
  private final Linear mlp0;
  private final Linear mlp2;

  /**
   * @param root of the checkpoint: the tower lies below {@code visual} or {@code model.visual}
   */
  public QwenVisionTower(QwenVisionConfig config, Weights root, LinearFactory linears) {
    this.config = config;
    this.dtype = root.dtype();
    this.device = root.device();
    Weights w = root.at(root.has("model.visual") ? "model.visual" : "visual");
    LinearFactory shared = linears.sharingHeads(config.numHeads());
    int d = config.hiddenSize();
    int p = config.patchSize();
    patchEmbed = w.get("patch_embed.proj.weight", d, 3, QwenPictures.FRAMES, p, p);
    for (int i = 0; i < config.depth(); i++) {
      blocks.add(new QwenVisionBlock(config, w.at("blocks").at(i), shared));
    }
    Weights merger = w.at("merger");
    int joined = d * config.mergeSize() * config.mergeSize();
    lnQ = new RmsNorm(merger.at("ln_q"), d, QwenVisionBlock.EPS);
    mlp0 = linears.replicated(merger.at("mlp.0"), joined, joined, true);
    mlp2 = linears.replicated(merger.at("mlp.2"), joined, config.outHiddenSize(), true);
  }

  /** Tokens that a picture of so many patches becomes. */
  public int tokens(QwenPictures.Patches p) {
    return p.gridHeight() * p.gridWidth() / (config.mergeSize() * config.mergeSize());
  }

  /**
   * Tokens of pictures, one picture after the other, each row by row.
   *
   * @return [M, outHiddenSize]
   */
  public Tensor forward(List<QwenPictures.Patches> pictures) {
    try (TensorScope scope = TensorScope.open()) {
      int merge = config.mergeSize();
      int unit = merge * merge;
      VisionWindows windows =
          VisionWindows.of(
              pictures.stream()
                  .map(p -> new int[] {p.gridHeight() / merge, p.gridWidth() / merge})
                  .toList(),
              config.window());
      Tensor order = index(windows.order());
      Tensor values =
          Tensor.cat(0, pictures.stream().map(QwenPictures.Patches::values).toArray(Tensor[]::new));
      // The kernel covers a patch: the convolution is a product.
      Tensor kernel = patchEmbed.view(config.hiddenSize(), config.patchValues());
      Tensor x = Functional.linear(values.to(device, dtype), kernel, null);
      x = reordered(x, order, unit);
      Tensor angles = reordered(angles(pictures).to(device), order, unit).unsqueeze(1);
      Tensor cos = angles.cos();
      Tensor sin = angles.sin();
      for (int i = 0; i < blocks.size(); i++) {
        int[] segments =
            config.fullAttention().contains(i) ? windows.pictures() : windows.windows();
        int[] lengths = Arrays.stream(segments).map(n -> n * unit).toArray();
        Tensor next = blocks.get(i).forward(x, cos, sin, lengths);
        x.close();
        x = next;
      }
      Tensor joined = lnQ.forward(x).view(x.size(0) / unit, (long) unit * config.hiddenSize());
      Tensor merged = mlp2.forward(Functional.gelu(mlp0.forward(joined)));
      return scope.keep(merged.indexSelect(0, index(windows.inverse())));
    }
  }

  private Tensor index(long[] values) {
    return Tensor.of(values, values.length).to(device);
  }

  /** Groups of {@code unit} rows in another order. */
  private static Tensor reordered(Tensor x, Tensor order, int unit) {
    long width = x.size(1);
    return x.view(x.size(0) / unit, unit * width).indexSelect(0, order).view(x.size(0), width);
  }

  /**
   * Angles of row and column of each patch, times 10000^(-2i / (headDim / 2)), twice: float32 [N,
   * headDim].
   */
  private Tensor angles(List<QwenPictures.Patches> pictures) {
    int dim = config.headDim();
    int quarter = dim / 4;
    int merge = config.mergeSize();
    int patches = pictures.stream().mapToInt(p -> p.gridHeight() * p.gridWidth()).sum();
    float[] values = new float[patches * dim];
    int at = 0;
    for (QwenPictures.Patches p : pictures) {
      int blocksInRow = p.gridWidth() / merge;
      for (int i = 0; i < p.gridHeight() * p.gridWidth(); i++) {
        int block = i / (merge * merge);
        int inside = i % (merge * merge);
        int row = block / blocksInRow * merge + inside / merge;
        int column = block % blocksInRow * merge + inside % merge;
        for (int f = 0; f < quarter; f++) {
          float frequency = 1 / (float) Math.pow(ROPE_THETA, (float) (2 * f) / (dim / 2));
          values[at + f] = values[at + f + 2 * quarter] = row * frequency;
          values[at + f + quarter] = values[at + f + 3 * quarter] = column * frequency;
        }
        at += dim;
      }
    }
    return Tensor.of(values, patches, dim);
  }
}
