package io.jdit.attention;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.Input;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.Norm;
import io.jdit.nn.RmsNorm;
import io.jdit.nn.RotaryTable;
import io.jdit.tensor.Tensor;
import java.util.function.Function;

/**
 * Query, key and value of one stream of tokens: projection, RMS norm, rotation. Streams with
 * projections of their own attend together ({@link #attend}): each writes its part of the joined
 * operands, so that nothing is copied to join them.
 */
public final class HeadProjections {
  private final Operand query;
  private final Operand key;
  private final Operand value;
  private final int heads; // on this rank
  private final int headDim;

  private HeadProjections(Operand query, Operand key, Operand value, int heads, int headDim) {
    this.query = query;
    this.key = key;
    this.value = value;
    this.heads = heads;
    this.headDim = headDim;
  }

  /**
   * What the projections are made of.
   *
   * @param in width of the stream
   * @param heads on all ranks together
   * @param bias whether the three layers have one
   * @param eps of the norms
   */
  public record Shape(int in, int heads, int headDim, boolean bias, double eps) {
    int width() {
      return heads * headDim;
    }
  }

  /**
   * Names of the layers in the checkpoint.
   *
   * @param q null for a stream that is attended to and does not attend
   * @param normQ null where query and key have no norm; normK likewise
   */
  public record Names(String q, String k, String v, String normQ, String normK) {
    /** diffusers' Attention, the stream that attends. */
    public static final Names HIDDEN = new Names("to_q", "to_k", "to_v", "norm_q", "norm_k");

    /** diffusers' Attention, the stream that is added to it. */
    public static final Names ADDED =
        new Names("add_q_proj", "add_k_proj", "add_v_proj", "norm_added_q", "norm_added_k");

    /** diffusers' Attention, keys and values that are added to those of the text. */
    public static final Names ADDED_KEYS =
        new Names(null, "add_k_proj", "add_v_proj", null, "norm_added_k");

    public Names withoutNorms() {
      return new Names(q, k, v, null, null);
    }
  }

  /** One of the three: its projection and at most one of the norms. */
  private record Operand(Function<Input, Tensor> projection, Norm acrossHeads, RmsNorm perHead) {
    boolean isPlain() {
      return acrossHeads == null && perHead == null;
    }
  }

  /** Projections with a norm over each head. */
  public static HeadProjections perHead(
      Weights w, LinearFactory linears, Shape shape, Names names) {
    return separate(w, linears, shape, names, false);
  }

  /** Projections with a norm over all heads together. */
  public static HeadProjections acrossHeads(
      Weights w, LinearFactory linears, Shape shape, Names names) {
    return separate(w, linears, shape, names, true);
  }

  private static HeadProjections separate(
      Weights w, LinearFactory linears, Shape s, Names names, boolean across) {
    return new HeadProjections(
        operand(w, linears, s, names.q, names.normQ, across),
        operand(w, linears, s, names.k, names.normK, across),
        operand(w, linears, s, names.v, null, across),
        linears.headsPerRank(s.heads),
        s.headDim);
  }

  private static Operand operand(
      Weights w, LinearFactory linears, Shape s, String name, String norm, boolean across) {
    if (name == null) {
      return null;
    }
    Function<Input, Tensor> projection =
        linears.column(w.at(name), s.in, s.width(), s.bias)::forward;
    if (norm == null) {
      return new Operand(projection, null, null);
    }
    return across
        ? new Operand(projection, linears.normAcrossHeads(w.at(norm), s.width(), s.eps), null)
        : new Operand(projection, null, new RmsNorm(w.at(norm), s.headDim, s.eps));
  }

  /**
   * For streams whose tensor holds query, key and value already, side by side in this order and
   * before anything else: the output of one fused projection. The norms are over each head.
   *
   * @param names of the norms count only
   */
  public static HeadProjections ofFused(Weights w, LinearFactory linears, Shape s, Names names) {
    int heads = linears.headsPerRank(s.heads);
    long width = (long) heads * s.headDim;
    RmsNorm normQ = names.normQ == null ? null : new RmsNorm(w.at(names.normQ), s.headDim, s.eps);
    RmsNorm normK = names.normK == null ? null : new RmsNorm(w.at(names.normK), s.headDim, s.eps);
    return new HeadProjections(
        new Operand(x -> x.tensor().narrow(2, 0, width), null, normQ),
        new Operand(x -> x.tensor().narrow(2, width, width), null, normK),
        new Operand(x -> x.tensor().narrow(2, 2 * width, width), null, null),
        heads,
        s.headDim);
  }

  /**
   * A stream and the projections to apply to it, which read it together.
   *
   * @param x [B, N, in]
   * @param rotated whether the rotary table is for these tokens too
   */
  public record Stream(HeadProjections projections, Input x, boolean rotated) {
    private long tokens() {
      return x.shape()[1];
    }
  }

  public Stream of(Tensor x) {
    return of(Input.of(x));
  }

  /** Of a stream that other layers read as well. */
  public Stream of(Input x) {
    return new Stream(this, x, true);
  }

  /** A stream without positions among others that have some. */
  public Stream unrotated(Tensor x) {
    return new Stream(this, Input.of(x), false);
  }

  /**
   * Starts the attention of streams joined in this order. Value, query and key are given one after
   * the other, so that an attention over several ranks can send each while the next is computed.
   *
   * @param tokens of all streams, in this order
   * @param rotary a row for each joined token up to the last that is rotated, the same for all rows
   *     of the batch or one table for each; null for no rotation
   * @return [B, S, heads on this rank, headDim]
   */
  public static AttentionCall.Result attend(
      Attention attention, Tokens tokens, RotaryTable rotary, Stream... streams) {
    AttentionCall call = attention.begin(tokens);
    call.value(joined(streams, p -> p.value, null));
    call.query(joined(streams, p -> p.query, rotary));
    call.key(joined(streams, p -> p.key, rotary));
    return call.start();
  }

  /** The query of one stream alone, not rotated: [B, N, heads on this rank, headDim]. */
  public Tensor query(Tensor x) {
    return joined(new Stream[] {unrotated(x)}, p -> p.query, null);
  }

  /** See {@link #query}. */
  public Tensor key(Tensor x) {
    return joined(new Stream[] {unrotated(x)}, p -> p.key, null);
  }

  /** See {@link #query}. */
  public Tensor value(Tensor x) {
    return joined(new Stream[] {unrotated(x)}, p -> p.value, null);
  }

  /** Says which of the three operands is meant. */
  private interface Choice {
    Operand of(HeadProjections projections);
  }

  private static Tensor joined(Stream[] streams, Choice choice, RotaryTable rotary) {
    long tokens = 0;
    for (Stream s : streams) {
      tokens += s.tokens();
    }
    HeadProjections p = streams[0].projections;
    Input x = streams[0].x;
    Tensor out = null;
    long offset = 0;
    for (Stream s : streams) {
      Operand o = choice.of(s.projections);
      RotaryTable table = s.rotated ? rotary : null;
      Tensor y = o.projection.apply(s.x);
      if (streams.length == 1 && table == null && o.isPlain() && y.isContiguous()) {
        return y.view(y.size(0), tokens, p.heads, p.headDim);
      }
      if (out == null) {
        out = Tensor.empty(x.dtype(), x.device(), x.shape()[0], tokens, p.heads, p.headDim);
      }
      s.projections.write(o, y, table, out, offset);
      offset += s.tokens();
    }
    return out;
  }

  private void write(Operand o, Tensor projected, RotaryTable rotary, Tensor out, long offset) {
    Tensor y = o.acrossHeads == null ? projected : o.acrossHeads.forward(projected);
    Tensor split = y.view(y.size(0), y.size(1), heads, headDim);
    if (rotary == null || rotary.tokenDim() == 0) {
      normRotate(o.perHead, split, rotary, out, offset);
      return;
    }
    for (int b = 0; b < split.size(0); b++) {
      RotaryTable row = new RotaryTable(rotary.cos().select(0, b), rotary.sin().select(0, b));
      normRotate(o.perHead, split.narrow(0, b, 1), row, out.narrow(0, b, 1), offset);
    }
  }

  private static void normRotate(
      RmsNorm norm, Tensor heads, RotaryTable rotary, Tensor out, long offset) {
    Kernels.rmsNormRopeInto(
        heads,
        norm == null ? null : norm.weight(),
        norm == null ? 0 : norm.eps(),
        rotary == null ? null : rotary.cos(),
        rotary == null ? null : rotary.sin(),
        out,
        offset);
  }
}
