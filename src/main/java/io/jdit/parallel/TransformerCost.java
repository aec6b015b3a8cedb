package io.jdit.parallel;

import io.jdit.attention.Tokens;
import io.jdit.checkpoint.MetaWeights;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Arrays;
import java.util.List;

/**
 * What of a transformer decides memory, communication and time, counted in a forward pass without
 * data ({@link #measure}). All numbers are of one sample in elements.
 *
 * @param weights all of them
 * @param shardedWeights in column and row layers: 1/T of them on each tensor-parallel rank
 * @param gatheredWeights in column layers whose outputs are gathered: 1/T as well
 * @param attentions distinct attentions in the order of their first call
 * @param layers linear layers by role and rows
 * @param joins streams that are made whole again: length and elements
 * @param groups block groups, each of which a cache decides about by itself
 * @param outputs elements of the transformer's output
 * @param blockSharded largest outputs of column layers between two attentions
 * @param blockWhole outputs of the other layers there
 */
public record TransformerCost(
    long weights,
    long shardedWeights,
    long gatheredWeights,
    List<Attentions> attentions,
    List<Layers> layers,
    List<Join> joins,
    int groups,
    long outputs,
    long blockSharded,
    long blockWhole) {

  /** Who holds which part of a layer. */
  public enum Role {
    REPLICATED,
    COLUMN,
    ROW,
    GATHERED,
    /** A norm across heads, which reduces one float32 for each row. */
    NORM
  }

  /**
   * Attentions that are alike.
   *
   * @param streams tokens of the streams that are cut each by itself; empty for an attention that
   *     is local
   */
  public record Attentions(
      int calls, List<Long> streams, long queries, long keys, int heads, int headDim) {
    boolean local() {
      return streams.isEmpty();
    }

    /** The tokens, spread over so many parts. */
    Tokens tokens(int parts) {
      return Tokens.of(parts, streams.stream().mapToLong(Long::longValue).toArray());
    }
  }

  /**
   * Linear layers of one role that are applied to the same number of rows.
   *
   * @param weights sum of inputs times outputs
   * @param outputs sum of outputs
   */
  public record Layers(Role role, long rows, long weights, long outputs) {}

  /** A stream of {@code length} tokens that is joined. */
  public record Join(long length, long elements) {}

  /** A transformer of which a cost is taken. */
  @FunctionalInterface
  public interface Forward {
    /**
     * Builds it of the weights with the meter's strategies and computes one sample with every
     * block.
     *
     * @param weights without data, on {@link Device#META}
     * @return the output
     */
    Tensor run(Weights weights, TransformerMeter meter);
  }

  /** Counts a transformer and a forward pass; takes no memory for weights or activations. */
  public static TransformerCost measure(Forward forward) {
    TransformerMeter meter = new TransformerMeter();
    try (TensorScope scope = TensorScope.open();
        TensorScope owner = TensorScope.unbound();
        MetaWeights source = new MetaWeights()) {
      Weights weights = new Weights(source, DType.BFLOAT16, Device.META, owner);
      Tensor output = forward.run(weights, meter);
      return meter.cost(source.elements(), output.elements());
    }
  }

  public TransformerCost {
    attentions = List.copyOf(attentions);
    layers = List.copyOf(layers);
    joins = List.copyOf(joins);
    if (attentions.stream().allMatch(Attentions::local)) {
      throw new IllegalArgumentException("the transformer has no attention over its tokens");
    }
  }

  /** The attention over the longest sequence. */
  private Attentions main() {
    return attentions.stream()
        .filter(a -> !a.local())
        .max((a, b) -> Long.compare(a.queries, b.queries))
        .orElseThrow();
  }

  public int heads() {
    return main().heads;
  }

  /** Floating-point operations of a call for one sample on one device. */
  public double flops() {
    double flops = 0;
    for (Layers l : layers) {
      flops += 2.0 * l.rows * l.weights;
    }
    for (Attentions a : attentions) {
      flops += 4.0 * a.calls * a.queries * a.keys * a.heads * a.headDim;
    }
    return flops;
  }

  /**
   * Elements that a call reads and writes at least: weights of linear layers, their outputs, and
   * query, key, value and output of attentions, each once.
   */
  public double moved() {
    double moved = 0;
    for (Layers l : layers) {
      moved += l.role == Role.NORM ? 0 : l.weights + (double) l.rows * l.outputs;
    }
    for (Attentions a : attentions) {
      moved += 2.0 * a.calls * (a.queries + a.keys) * a.heads * a.headDim;
    }
    return moved;
  }

  /** Hidden width D. */
  public long width() {
    return (long) main().heads * main().headDim;
  }

  /** Tokens of the streams of the longest sequence. */
  public List<Long> streams() {
    return main().streams;
  }

  public long tokens() {
    return main().queries;
  }

  /** Tokens of the longest sequence on the first of so many ranks, which has the most. */
  long tokensHere(int parts) {
    return main().tokens(parts).counts()[0];
  }

  /** Whole on every rank. */
  public long replicatedWeights() {
    return weights - shardedWeights - gatheredWeights;
  }

  /** Of so many rows, those on the first of the ranks: fewer where they are tokens that are cut. */
  long rowsHere(long rows, int parts) {
    for (Attentions a : attentions) {
      if (!a.local() && rows == a.queries) {
        return a.tokens(parts).counts()[0];
      }
      if (a.streams.contains(rows)) {
        return Tokens.count(rows, parts, 0);
      }
    }
    return rows;
  }

  /** Layers of some roles, of all rows. */
  List<Layers> layers(Role... roles) {
    return layers.stream().filter(l -> Arrays.asList(roles).contains(l.role)).toList();
  }
}
