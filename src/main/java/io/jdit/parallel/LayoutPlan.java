package io.jdit.parallel;

import io.jdit.attention.Tokens;
import io.jdit.kernels.Float8Format;
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
  private final Tokens shares; // one part for each context rank
  private final long tokensHere;
  private final Map<Collective, Long> sent = new EnumMap<>(Collective.class);

  private LayoutPlan(ParallelConfig config, PlanRequest request) {
    this.config = config;
    this.request = request;
    Mesh mesh = config.mesh();
    config.requireHeads(request.shape().heads());
    shares = Tokens.of(mesh.context(), request.textTokens(), request.imageTokens());
    tokensHere = shares.counts()[0];
    long calls = callsHere();
    add(Collective.ALL_TO_ALL, calls * ulyssesBytes());
    add(Collective.POINT_TO_POINT, calls * ringBytes());
    add(Collective.ALL_REDUCE, calls * tensorBytes());
    add(Collective.ALL_GATHER, calls * (modulationBytes() + joinBytes()) + branchBytes());
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

  private int localHeads() {
    return request.shape().heads() / config.mesh().tp();
  }

  private HeadPadding padding() {
    return HeadPadding.of(localHeads(), config.mesh().ulysses());
  }

  /** Query, key and value to the ranks of their heads, the output back to those of its tokens. */
  private long ulyssesBytes() {
    int ranks = config.mesh().ulysses();
    if (ranks == 1) {
      return 0;
    }
    long dim = request.shape().headDim();
    long plain = dim * elementBytes();
    boolean float8 = config.ulyssesFloat8();
    long operands = plain + 2 * (float8 ? Float8Format.INPUT.bytes(dim) : plain);
    long output = float8 ? Float8Format.OUTPUT.bytes(dim) : plain;
    long heads = (long) request.batch() * padding().perRank();
    long others = ringParts()[0] - tokensHere;
    long rows = heads * tokensHere * (ranks - 1);
    return request.shape().attentions() * (rows * operands + heads * others * output);
  }

  /** Tokens at each place of the ring. */
  private long[] ringParts() {
    return shares.grouped(config.mesh().ulysses()).counts();
  }

  /** Keys and values of every part but the one that comes last. */
  private long ringBytes() {
    long[] parts = ringParts();
    int ranks = parts.length;
    long tokens = 0;
    for (int step = 0; step < ranks - 1; step++) {
      tokens += parts[Math.floorMod(-step, ranks)];
    }
    long row = (long) padding().computed(0) * request.shape().headDim() * elementBytes();
    return request.shape().attentions() * 2 * request.batch() * tokens * row;
  }

  private long tensorBytes() {
    long ranks = config.mesh().tp();
    long bytes =
        request.batch()
            * tokensHere
            * request.shape().width()
            * elementBytes()
            * request.shape().reducedRows();
    return 2 * bytes * (ranks - 1) / ranks;
  }

  private long modulationBytes() {
    long ranks = config.mesh().tp();
    return request.batch()
        * request.shape().gatheredOutputs()
        / ranks
        * elementBytes()
        * (ranks - 1);
  }

  /** The last layer's output, from all parts. */
  private long joinBytes() {
    int parts = config.mesh().context();
    long largest = Tokens.count(request.imageTokens(), parts, 0);
    return outputBytes(largest) * (parts - 1);
  }

  private long branchBytes() {
    return config.mesh().cfg() > 1 && request.branches() > 1
        ? outputBytes(request.imageTokens())
        : 0;
  }

  private long outputBytes(long tokens) {
    return request.batch() * tokens * request.shape().outputChannels() * elementBytes();
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
    TransformerShape s = request.shape();
    return ((s.shardedWeights() + s.gatheredWeights()) / config.mesh().tp() + s.replicatedWeights())
        * elementBytes();
  }

  /**
   * Largest set of activations alive in a block: residual streams, normed input, query, key, value,
   * their exchange buffers, feed-forward of four times the width, and the joined input of the last
   * projection.
   */
  public long activationBytes() {
    double tp = config.mesh().tp();
    double exchanged = config.mesh().ulysses() > 1 ? 4 / tp : 0;
    double ring = config.mesh().ring() > 1 ? 4 / tp : 0;
    double widths = 3 + 3 / tp + exchanged + ring + 10 / tp;
    return Math.round(widths * streamBytes());
  }

  public long cacheBytes() {
    return request.cachedTensors() * callsHere() * streamBytes();
  }

  private long streamBytes() {
    return request.batch() * tokensHere * request.shape().width() * elementBytes();
  }

  /** Estimated milliseconds of computation in a step. */
  public double computeMillis() {
    return linearMillis() + attentionMillis();
  }

  private double linearMillis() {
    double flops = (double) request.shape().linearFlops() * request.batch() * tokensHere;
    return callsHere() * flops / config.mesh().tp() / (request.teraflops() * TERA) * 1e3;
  }

  private double attentionMillis() {
    TransformerShape s = request.shape();
    double pairs = (double) tokensHere * request.tokens();
    double flops = 4 * pairs * s.width() * s.attentions() * request.batch();
    double padded = (double) padding().perRank() * config.mesh().ulysses() / localHeads();
    return callsHere() * flops * padded / config.mesh().tp() / (request.teraflops() * TERA) * 1e3;
  }

  /** Estimated milliseconds of communication that nothing hides: the ring runs beside attention. */
  public double communicationMillis() {
    double ring = millis(bytesPerStep(Collective.POINT_TO_POINT));
    double rest = millis(bytesPerStep() - bytesPerStep(Collective.POINT_TO_POINT));
    double hidden = Math.min(ring, attentionMillis());
    return rest + ring - hidden;
  }

  private double millis(long bytes) {
    return bytes / (request.gigabytesPerSecond() * GIGA) * 1e3;
  }

  public double stepMillis() {
    return computeMillis() + communicationMillis();
  }
}
