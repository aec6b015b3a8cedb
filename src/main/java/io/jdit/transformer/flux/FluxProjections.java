package io.jdit.transformer.flux;

import io.jdit.attention.Attention;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.RmsNorm;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;

/** Query, key and value of one stream: projection, RMS norm over the head dimension, rotation. */
final class FluxProjections {
  private static final double FLOAT16_MAX = 65504;

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
   * Queries, keys and values of all tokens, each [B, S, H, headDim], which streams write their part
   * of.
   */
  record Joint(Tensor q, Tensor k, Tensor v) {
    /** [B, S, D]. */
    Tensor attend(Attention attention) {
      return attention.forward(q, k, v).flatten(2, 3);
    }
  }

  /** Room for {@code tokens} tokens with the batch and heads of this stream. */
  Joint joint(Tensor x, long tokens) {
    long[] shape = {x.size(0), tokens, toQ.outFeatures() / headDim, headDim};
    return new Joint(like(x, shape), like(x, shape), like(x, shape));
  }

  private static Tensor like(Tensor x, long... shape) {
    return Tensor.empty(x.dtype(), x.device(), shape);
  }

  /**
   * Writes this stream's part of the joint sequence.
   *
   * @param x [B, N, D]
   * @param offset position of the first token in the joint sequence and in the rotary table
   */
  void write(Tensor x, RotaryTable rotary, long offset, Joint joint) {
    normRotate(toQ.forward(x), normQ, rotary, joint.q(), offset);
    normRotate(toK.forward(x), normK, rotary, joint.k(), offset);
    Kernels.rmsNormRopeInto(heads(toV.forward(x)), null, 0, null, null, joint.v(), offset);
  }

  private void normRotate(Tensor x, RmsNorm norm, RotaryTable rotary, Tensor out, long offset) {
    Kernels.rmsNormRopeInto(
        heads(x), norm.weight(), norm.eps(), rotary.cos(), rotary.sin(), out, offset);
  }

  private Tensor heads(Tensor x) {
    return x.view(x.size(0), x.size(1), -1, headDim);
  }

  /** float16 overflows in deep models: the reference clips streams to the largest finite value. */
  static Tensor clipFloat16(Tensor x) {
    return x.dtype() == DType.FLOAT16 ? x.clamp(-FLOAT16_MAX, FLOAT16_MAX) : x;
  }
}
