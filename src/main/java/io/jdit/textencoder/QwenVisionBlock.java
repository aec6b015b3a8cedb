package io.jdit.textencoder;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.AttentionKernels;
import io.jdit.nn.GatedFeedForward;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** transformers' Qwen2_5_VLVisionBlock: attention within segments of the sequence. */
final class QwenVisionBlock {
  static final double EPS = 1e-6;

  private final RmsNorm norm1;
  private final RmsNorm norm2;
  private final Linear qkv;
  private final Linear proj;
  private final GatedFeedForward mlp;
  private final int headDim;

  QwenVisionBlock(QwenVisionConfig c, Weights w, LinearFactory linears) {
    int d = c.hiddenSize();
    norm1 = new RmsNorm(w.at("norm1"), d, EPS);
    norm2 = new RmsNorm(w.at("norm2"), d, EPS);
    qkv = linears.column(w.at("attn.qkv"), d, new int[] {d, d, d}, true);
    proj = linears.row(w.at("attn.proj"), d, d, true);
    mlp =
        new GatedFeedForward(
            w.at("mlp"), linears, GatedFeedForward.Names.PROJ, d, c.intermediateSize(), true);
    headDim = c.headDim();
  }

  /**
   * @param in [N, D]
   * @param cos float32 [N, 1, headDim]; sin likewise
   * @param segments lengths of the runs of tokens that attend to each other
   */
  Tensor forward(Tensor in, Tensor cos, Tensor sin, int[] segments) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] qkvs = qkv.forward(norm1.forward(in)).chunk(3, -1);
      Tensor q = rotated(heads(qkvs[0]), cos, sin);
      Tensor k = rotated(heads(qkvs[1]), cos, sin);
      Tensor v = heads(qkvs[2]);
      Tensor[] parts = new Tensor[segments.length];
      int start = 0;
      for (int i = 0; i < segments.length; i++) {
        parts[i] = attended(q, k, v, start, segments[i]);
        start += segments[i];
      }
      Tensor x = in.add(proj.forward(Tensor.cat(0, parts).flatten(1, 2)));
      return scope.keep(x.add(mlp.forward(norm2.forward(x))));
    }
  }

  /** [N, heads, headDim]. */
  private Tensor heads(Tensor x) {
    return x.unsqueeze(1).reshape(x.size(0), -1, headDim);
  }

  /** Rotation of the pairs (i, i + headDim / 2) in float32: x cos + [-x2, x1] sin. */
  private static Tensor rotated(Tensor x, Tensor cos, Tensor sin) {
    Tensor f = x.to(DType.FLOAT32);
    Tensor[] halves = f.chunk(2, -1);
    Tensor turned = Tensor.cat(-1, halves[1].neg(), halves[0]);
    return f.mul(cos).add(turned.mul(sin)).to(x.dtype());
  }

  private Tensor attended(Tensor q, Tensor k, Tensor v, long start, long length) {
    return AttentionKernels.attention(
            segment(q, start, length),
            segment(k, start, length),
            segment(v, start, length),
            1 / Math.sqrt(headDim),
            false)
        .squeeze(0);
  }

  /** [1, length, heads, headDim]. */
  private static Tensor segment(Tensor x, long start, long length) {
    return x.narrow(0, start, length).unsqueeze(0);
  }
}
