package io.jdit.transformer.flux;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Fused;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;

/** Query, key and value of one stream: projection, RMS norm over the head dimension, rotation. */
final class FluxProjections {
  private static final double FLOAT16_MAX = 65504;

  /** Each [B, S, H, headDim]. */
  record Qkv(Tensor q, Tensor k, Tensor v) {}

  private final Linear toQ;
  private final Linear toK;
  private final Linear toV;
  private final RmsNorm normQ;
  private final RmsNorm normK;
  private final int headDim;

  FluxProjections(
      FluxConfig config,
      Weights w,
      LinearFactory linears,
      String q,
      String k,
      String v,
      String normQ,
      String normK) {
    int d = config.innerDim();
    toQ = linears.column(w.at(q), d, d, true);
    toK = linears.column(w.at(k), d, d, true);
    toV = linears.column(w.at(v), d, d, true);
    headDim = config.attentionHeadDim();
    this.normQ = new RmsNorm(w.at(normQ), headDim, FluxTransformer.EPS);
    this.normK = new RmsNorm(w.at(normK), headDim, FluxTransformer.EPS);
  }

  /**
   * @param x [B, S, D]
   * @param offset row of the rotary table of the first token
   */
  Qkv forward(Tensor x, RotaryTable rotary, int offset) {
    return new Qkv(
        Fused.normRotate(heads(toQ.forward(x)), normQ, rotary, offset),
        Fused.normRotate(heads(toK.forward(x)), normK, rotary, offset),
        heads(toV.forward(x)));
  }

  private Tensor heads(Tensor x) {
    return x.view(x.size(0), x.size(1), -1, headDim);
  }

  /** float16 overflows in deep models: the reference clips streams to the largest finite value. */
  static Tensor clipFloat16(Tensor x) {
    return x.dtype() == DType.FLOAT16 ? x.clamp(-FLOAT16_MAX, FLOAT16_MAX) : x;
  }
}
