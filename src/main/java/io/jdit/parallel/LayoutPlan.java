package io.jdit.parallel;

import io.jdit.attention.Tokens;
import io.jdit.kernels.Float8Format;
import io.jdit.parallel.TransformerCost.Attentions;
import io.jdit.parallel.TransformerCost.Layers;
import io.jdit.parallel.TransformerCost.Role;
import io.jdit.tensor.DType;
import java.util.EnumMap;
import java.util.Map;

/**
 * What one layout costs rank 0, which holds the most: bytes of memory, bytes sent per denoising
 * step, and an estimate of the step's time. The bytes sent are exact; activations and time are
 * estimates.
 */
public final class LayoutPlan {
  private static final double TERA = 1e12;
  private static final double GIGA = 1e9;

  private final ParallelConfig config;
  private final PlanRequest request;
  private final TransformerCost cost;
  private final Map<Collective, Long> sent = new EnumMap<>(Collective.class);

  private LayoutPlan(ParallelConfig config, PlanRequest request) {
    this.config = config;
    this.request = request;
    this.cost = request.cost();
    config.requireHeads(cost.heads());
    long calls = callsHere();
    for (Attentions a : cost.attentions()) {
      if (!a.local()) {
        add(Collective.ALL_TO_ALL, calls * a.calls() * ulyssesBytes(a));
        add(Collective.POINT_TO_POINT, calls * a.calls() * ringBytes(a));
      }
    }
    add(Collective.ALL_REDUCE, calls * reducedBytes());
    add(Collective.ALL_GATHER, calls * (gatheredBytes() + joinBytes()) + branchBytes());
  }

  /**
   * @throws IllegalArgumentException when the model or the sizes do not allow the layout
   */
  public static LayoutPlan of(ParallelConfig config, PlanRequest request) {
    return new LayoutPlan(config, request);
  }

  public ParallelConfig config() {
    return config;
  }

  private void add(Collective kind, long bytes) {
    sent.merge(kind, bytes, Long::sum);
  }

  /** Transformer calls of a step on this rank. */
  private long callsHere() {
    return request.branches() == config.mesh().cfg() ? 1 : request.branches();
  }

  private long elementBytes() {
    return request.dtype().bytes();
  }

  private HeadPadding padding(Attentions a) {
    return HeadPadding.of(a.heads() / config.mesh().tp(), config.mesh().ulysses());
  }

  /** Tokens at each place of the ring. */
  private long[] ringParts(Attentions a) {
    return a.tokens(config.mesh().context()).grouped(config.mesh().ulysses()).counts();
  }

  /** Query, key and value to the ranks of their heads, the output back to those of its tokens. */
  private long ulyssesBytes(Attentions a) {
    int ranks = config.mesh().ulysses();
    if (ranks == 1) {
      return 0;
    }
    long plain = a.headDim() * elementBytes();
    boolean float8 = config.ulyssesFloat8();
    long operands = plain + 2 * (float8 ? Float8Format.INPUT.bytes(a.headDim()) : plain);
    long output = float8 ? Float8Format.OUTPUT.bytes(a.headDim()) : plain;
    long heads = (long) request.batch() * padding(a).perRank();
    long here = a.tokens(config.mesh().context()).counts()[0];
    long others = ringParts(a)[0] - here;
    return heads * (here * (ranks - 1) * operands + others * output);
  }

  /** Keys and values of every part but the one that comes last. */
  private long ringBytes(Attentions a) {
    long[] parts = ringParts(a);
    int ranks = parts.length;
    long tokens = 0;
    for (int step = 0; step < ranks - 1; step++) {
      tokens += parts[Math.floorMod(-step, ranks)];
    }
    long row = (long) padding(a).computed(0) * a.headDim() * elementBytes();
    return 2 * request.batch() * tokens * row;
  }

  private long reducedBytes() {
    long bytes = 0;
    for (Layers l : cost.layers(Role.ROW, Role.NORM)) {
      long element = l.role() == Role.NORM ? DType.FLOAT32.bytes() : elementBytes();
      bytes += here(l) * l.outputs() * element;
    }
    long ranks = config.mesh().tp();
    return 2 * request.batch() * bytes * (ranks - 1) / ranks;
  }

  private long gatheredBytes() {
    long elements = 0;
    for (Layers l : cost.layers(Role.GATHERED)) {
      elements += here(l) * l.outputs();
    }
    long ranks = config.mesh().tp();
    return request.batch() * elements / ranks * elementBytes() * (ranks - 1);
  }

  /** Rows that a layer gets on this rank. */
  private long here(Layers l) {
    return cost.rowsHere(l.rows(), config.mesh().context());
  }

  /** Streams that are made whole, above all the last layer's output, from all parts. */
  private long joinBytes() {
    int parts = config.mesh().context();
    long elements = 0;
    for (TransformerCost.Join j : cost.joins()) {
      elements += j.elements() / j.length() * Tokens.count(j.length(), parts, 0);
    }
    return request.batch() * elements * elementBytes() * (parts - 1);
  }

  private long branchBytes() {
    return config.mesh().cfg() > 1 && request.branches() > 1
        ? request.batch() * cost.outputs() * elementBytes()
        : 0;
  }

  /** Bytes that rank 0 sends in a step. */
  public long bytesPerStep(Collective kind) {
    return sent.getOrDefault(kind, 0L);
  }

  public long bytesPerStep() {
    return sent.values().stream().mapToLong(Long::longValue).sum();
  }

  /** The transformer's weights on a rank. */
  public long weightBytes() {
    long split = cost.shardedWeights() + cost.gatheredWeights();
    return (split / config.mesh().tp() + cost.replicatedWeights()) * elementBytes()
        - request.savedBytes() / config.mesh().tp();
  }

  /**
   * Largest set of activations alive in a block: residual streams and normed input, query, key,
   * value and output with their exchange buffers, and what the linear layers give.
   */
  public long activationBytes() {
    double tp = config.mesh().tp();
    double exchanged = config.mesh().ulysses() > 1 ? 4 / tp : 0;
    double ring = config.mesh().ring() > 1 ? 4 / tp : 0;
    double stream = cost.tokens() * cost.width();
    double widths = 3 + 4 / tp + exchanged + ring;
    double layers = (cost.blockSharded() / tp + cost.blockWhole()) / stream;
    return Math.round((widths + layers) * streamBytes());
  }

  public long cacheBytes() {
    return (long) request.cachedTensors() * cost.groups() * callsHere() * streamBytes();
  }

  private long streamBytes() {
    long tokens = cost.tokensHere(config.mesh().context());
    return request.batch() * tokens * cost.width() * elementBytes();
  }

  /** Estimated milliseconds of computation in a step. */
  public double computeMillis() {
    return computeMillis(linearFlops() + attentionFlops());
  }

  private double computeMillis(double flops) {
    return callsHere() * request.batch() * flops / (request.teraflops() * TERA) * 1e3;
  }

  private double linearFlops() {
    double flops = 0;
    for (Layers l : cost.layers()) {
      int ranks = l.role() == Role.REPLICATED ? 1 : config.mesh().tp();
      flops += 2.0 * here(l) * l.weights() / ranks;
    }
    return flops;
  }

  private double attentionFlops() {
    double flops = 0;
    for (Attentions a : cost.attentions()) {
      double heads = (double) a.heads() / config.mesh().tp();
      double padded = a.local() ? 1 : padding(a).perRank() * config.mesh().ulysses() / heads;
      double pairs = (double) cost.rowsHere(a.queries(), config.mesh().context()) * a.keys();
      flops += 4 * a.calls() * pairs * heads * padded * a.headDim();
    }
    return flops;
  }

  /** Estimated milliseconds of communication that nothing hides: the ring runs beside attention. */
  public double communicationMillis() {
    double ring = millis(bytesPerStep(Collective.POINT_TO_POINT));
    double rest = millis(bytesPerStep() - bytesPerStep(Collective.POINT_TO_POINT));
    double hidden = Math.min(ring, computeMillis(attentionFlops()));
    return rest + ring - hidden;
  }

  private double millis(long bytes) {
    return bytes / (request.gigabytesPerSecond() * GIGA) * 1e3;
  }

  public double stepMillis() {
    return computeMillis() + communicationMillis();
  }
}
