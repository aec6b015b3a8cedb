package io.jdit.family.flux1;

import io.jdit.attention.Attention;
import io.jdit.attention.AttentionCall;
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
   * A stream and the projections to apply to it.
   *
   * @param x [B, N, D]
   */
  record Stream(FluxProjections projections, Tensor x) {}

  Stream of(Tensor x) {
    return new Stream(this, x);
  }

  /**
   * Starts the attention of streams joined in this order. Value, query and key are given one after
   * the other, so that an attention over several ranks can send each while the next is computed.
   *
   * @param rotary rows for the joined tokens
   * @return [B, S, heads on this rank, headDim]
   */
  static AttentionCall.Result attend(Attention attention, RotaryTable rotary, Stream... streams) {
    AttentionCall call = attention.begin();
    call.value(joined(streams, (s, out, offset) -> s.projections.value(s.x, out, offset)));
    call.query(
        joined(
            streams,
            (s, out, offset) -> {
              FluxProjections p = s.projections;
              normRotate(p.heads(p.toQ.forward(s.x)), p.normQ, rotary, out, offset);
            }));
    call.key(
        joined(
            streams,
            (s, out, offset) -> {
              FluxProjections p = s.projections;
              normRotate(p.heads(p.toK.forward(s.x)), p.normK, rotary, out, offset);
            }));
    return call.start();
  }

  /** Writes a stream's part into the tokens from {@code offset} on. */
  private interface Part {
    void write(Stream stream, Tensor joined, long offset);
  }

  private static Tensor joined(Stream[] streams, Part part) {
    long tokens = 0;
    for (Stream s : streams) {
      tokens += s.x.size(1);
    }
    FluxProjections p = streams[0].projections;
    Tensor x = streams[0].x;
    Tensor out =
        Tensor.empty(
            x.dtype(), x.device(), x.size(0), tokens, p.toQ.outFeatures() / p.headDim, p.headDim);
    long offset = 0;
    for (Stream s : streams) {
      part.write(s, out, offset);
      offset += s.x.size(1);
    }
    return out;
  }

  private void value(Tensor x, Tensor joined, long offset) {
    Kernels.rmsNormRopeInto(heads(toV.forward(x)), null, 0, null, null, joined, offset);
  }

  private static void normRotate(
      Tensor heads, RmsNorm norm, RotaryTable rotary, Tensor joined, long offset) {
    Kernels.rmsNormRopeInto(
        heads, norm.weight(), norm.eps(), rotary.cos(), rotary.sin(), joined, offset);
  }

  private Tensor heads(Tensor x) {
    return x.view(x.size(0), x.size(1), -1, headDim);
  }

  /** float16 overflows in deep models: the reference clips streams to the largest finite value. */
  static Tensor clipFloat16(Tensor x) {
    return x.dtype() == DType.FLOAT16 ? x.clamp(-FLOAT16_MAX, FLOAT16_MAX) : x;
  }
}
