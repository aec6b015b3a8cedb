package io.jdit.parallel;

import io.jdit.attention.Attention;
import io.jdit.attention.Tokens;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.Input;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.LinearFormat;
import io.jdit.nn.Norm;
import io.jdit.nn.RmsNorm;
import io.jdit.parallel.TransformerCost.Attentions;
import io.jdit.parallel.TransformerCost.Join;
import io.jdit.parallel.TransformerCost.Layers;
import io.jdit.parallel.TransformerCost.Role;
import io.jdit.tensor.Tensor;
import io.jdit.transformer.BlockGroup;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.SequenceParallel;
import io.jdit.transformer.Streams;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Strategies that count instead of computing, for a transformer on META whose forward pass is run
 * once with a batch of one.
 */
public final class TransformerMeter {
  private final Map<List<Object>, Layers> layers = new LinkedHashMap<>();
  private final Map<List<Object>, Attentions> attentions = new LinkedHashMap<>();
  private final List<Join> joins = new ArrayList<>();
  private int groups;
  private long sharded;
  private long gathered;
  // Outputs since the last attention, and the most that there were.
  private long columnOutputs;
  private long otherOutputs;
  private long blockSharded;
  private long blockWhole;

  public LinearFactory linears() {
    return new CountingLinears();
  }

  public Attention attention() {
    return new CountingAttention(false);
  }

  public SequenceParallel sequence() {
    return new SequenceParallel() {
      @Override
      public int parts() {
        return 1;
      }

      @Override
      public Tensor part(int dim, Tensor whole) {
        return whole.alias();
      }

      @Override
      public Tensor join(Tensor part, int dim, long length) {
        joins.add(new Join(length, part.elements()));
        return part.alias();
      }
    };
  }

  /** Runs every block. */
  public BlockRunner runner() {
    return new BlockRunner() {
      @Override
      public <C> Streams run(BlockGroup<C> group, Streams in, C conditioning) {
        groups++;
        return BlockRunner.runAll(group.blocks(), in, conditioning);
      }
    };
  }

  /**
   * Elements that each of so many ranks holds, of {@code weights} in all; needs no forward pass.
   */
  public long held(long weights, int ranks) {
    return weights - (sharded + gathered) + (sharded + gathered) / ranks;
  }

  /**
   * What was counted.
   *
   * @param weights elements of all weights that were read
   * @param outputs elements of the output
   */
  public TransformerCost cost(long weights, long outputs) {
    endBlock();
    return new TransformerCost(
        weights,
        sharded,
        gathered,
        List.copyOf(attentions.values()),
        List.copyOf(layers.values()),
        joins,
        groups,
        outputs,
        blockSharded,
        blockWhole);
  }

  private void endBlock() {
    if (columnOutputs + otherOutputs > blockSharded + blockWhole) {
      blockSharded = columnOutputs;
      blockWhole = otherOutputs;
    }
    columnOutputs = 0;
    otherOutputs = 0;
  }

  private void count(Role role, long rows, long weights, long outputs) {
    layers.merge(
        List.of(role, rows),
        new Layers(role, rows, weights, outputs),
        (a, b) -> new Layers(role, rows, a.weights() + b.weights(), a.outputs() + b.outputs()));
    if (role == Role.COLUMN) {
      columnOutputs += rows * outputs;
    } else {
      otherOutputs += rows * outputs;
    }
  }

  private final class CountingAttention implements Attention {
    private final boolean local;

    CountingAttention(boolean local) {
      this.local = local;
    }

    @Override
    public Attention local() {
      return new CountingAttention(true);
    }

    @Override
    public Tensor forward(Tensor q, Tensor k, Tensor v, Tokens tokens) {
      long[] lengths = tokens.lengths() == null ? new long[] {q.size(1)} : tokens.lengths();
      List<Long> streams = local ? List.of() : Arrays.stream(lengths).boxed().toList();
      int heads = (int) q.size(2);
      int dim = (int) q.size(3);
      attentions.merge(
          List.of(streams, q.size(1), k.size(1), heads, dim),
          new Attentions(1, streams, q.size(1), k.size(1), heads, dim),
          (a, b) -> new Attentions(a.calls() + 1, streams, q.size(1), k.size(1), heads, dim));
      if (!local) {
        endBlock();
      }
      return Tensor.empty(q.dtype(), q.device(), q.shape());
    }
  }

  /** Reads its weights, as the layer does that it stands for. */
  private final class CountingLinear implements Linear {
    private final Role role;
    private final int in;
    private final int out;

    CountingLinear(Role role, Weights w, int in, int out, boolean bias) {
      LinearFormat.dense().linear(w, in, out, bias);
      this.role = role;
      this.in = in;
      this.out = out;
    }

    @Override
    public Tensor forward(Input x) {
      return x.apply(
          t -> {
            long[] shape = t.shape();
            shape[shape.length - 1] = out;
            count(role, t.elements() / in, (long) in * out, out);
            return Tensor.empty(t.dtype(), t.device(), shape);
          });
    }

    @Override
    public int inFeatures() {
      return in;
    }

    @Override
    public int outFeatures() {
      return out;
    }
  }

  private final class CountingLinears implements LinearFactory {
    @Override
    public Linear replicated(Weights w, int in, int out, boolean bias) {
      return new CountingLinear(Role.REPLICATED, w, in, out, bias);
    }

    @Override
    public Linear column(Weights w, int in, int[] parts, boolean bias) {
      int out = LinearFactory.sum(parts);
      sharded += (long) in * out + (bias ? out : 0);
      return new CountingLinear(Role.COLUMN, w, in, out, bias);
    }

    @Override
    public Linear row(Weights w, int[] parts, int out, boolean bias) {
      int in = LinearFactory.sum(parts);
      sharded += (long) in * out; // the bias is whole on each rank
      return new CountingLinear(Role.ROW, w, in, out, bias);
    }

    @Override
    public Linear gathered(Weights w, int in, int out, boolean bias) {
      gathered += (long) in * out + (bias ? out : 0);
      return new CountingLinear(Role.GATHERED, w, in, out, bias);
    }

    @Override
    public Norm normAcrossHeads(Weights w, int dim, double eps) {
      sharded += dim;
      Norm norm = new RmsNorm(w, dim, eps);
      return x -> {
        count(Role.NORM, x.elements() / dim, 0, 1);
        return norm.forward(x);
      };
    }
  }
}
