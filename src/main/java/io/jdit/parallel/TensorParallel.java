package io.jdit.parallel;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.LinearFormat;
import io.jdit.nn.Norm;

/**
 * Linear layers of which each rank holds a shard (Megatron-LM): rows of the weight in column
 * layers, columns in row layers, whose partial products are summed. Only the shard is read from the
 * checkpoint.
 *
 * @param format of the shards and of what every rank holds
 */
record TensorParallel(ProcessGroup group, LinearFormat format) implements LinearFactory {
  @Override
  public int ranks() {
    return group.size();
  }

  @Override
  public int rank() {
    return group.rank();
  }

  @Override
  public LinearFactory sharingHeads(int heads) {
    return heads % ranks() == 0 ? this : LinearFactory.of(format);
  }

  @Override
  public Linear replicated(Weights w, int in, int out, boolean bias) {
    return format.linear(w, in, out, bias);
  }

  @Override
  public Linear column(Weights w, int in, int[] parts, boolean bias) {
    requireShares(w, "outputs", parts);
    return format.linear(w.cut(0, rank(), ranks(), parts), in, LinearFactory.sum(parts), bias);
  }

  @Override
  public Linear gathered(Weights w, int in, int out, boolean bias) {
    return out % ranks() == 0
        ? new GatheredLinear(column(w, in, out, bias), group)
        : replicated(w, in, out, bias);
  }

  @Override
  public Linear row(Weights w, int[] parts, int out, boolean bias) {
    requireShares(w, "inputs", parts);
    Weights columns = w.cut(1, rank(), ranks(), parts);
    return new RowLinear(
        format.linear(columns, LinearFactory.sum(parts), out, false),
        bias ? w.get("bias", out) : null,
        group);
  }

  @Override
  public Norm normAcrossHeads(Weights w, int dim, double eps) {
    requireShares(w, "channels", dim);
    return new ShardedRmsNorm(w.cut(0, rank(), ranks()).get("weight", dim), eps, group);
  }

  private void requireShares(Weights w, String what, int... lengths) {
    for (int length : lengths) {
      if (length % ranks() != 0) {
        throw new IllegalArgumentException(
            "layer "
                + w.prefix()
                + " has "
                + length
                + " "
                + what
                + ", which "
                + ranks()
                + " tensor-parallel ranks cannot share: choose a tp_size that divides it");
      }
    }
  }
}
