package io.jdit.parallel;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.DenseLinear;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Linear layers of which each rank holds a shard (Megatron-LM): rows of the weight in column
 * layers, columns in row layers, whose partial products are summed. Only the shard is read from the
 * checkpoint.
 */
final class TensorParallel implements LinearFactory {
  private final ProcessGroup group;

  TensorParallel(ProcessGroup group) {
    this.group = group;
  }

  @Override
  public int ranks() {
    return group.size();
  }

  @Override
  public int rank() {
    return group.rank();
  }

  @Override
  public Linear replicated(Weights w, int in, int out, boolean bias) {
    return new DenseLinear(w, in, out, bias);
  }

  @Override
  public Linear column(Weights w, int in, int out, boolean bias) {
    int length = share(w, "outputs", out);
    long start = (long) rank() * length;
    return new DenseLinear(
        w,
        w.getPart("weight", 0, start, length, out, in),
        bias ? w.getPart("bias", 0, start, length, out) : null);
  }

  @Override
  public Linear gathered(Weights w, int in, int out, boolean bias) {
    return out % ranks() == 0
        ? new GatheredLinear(column(w, in, out, bias), group)
        : replicated(w, in, out, bias);
  }

  @Override
  public Linear row(Weights w, int[] parts, int out, boolean bias) {
    int in = 0;
    for (int part : parts) {
      in += part;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] pieces = new Tensor[parts.length];
      int start = 0;
      for (int i = 0; i < parts.length; i++) {
        int length = share(w, "inputs", parts[i]);
        pieces[i] = w.getPart("weight", 1, start + (long) rank() * length, length, out, in);
        start += parts[i];
      }
      Tensor shard = pieces[0];
      if (pieces.length > 1) {
        shard = w.own(Tensor.cat(1, pieces));
        for (Tensor piece : pieces) {
          piece.close();
        }
      }
      return new RowLinear(
          new DenseLinear(w, shard, null), bias ? w.get("bias", out) : null, group);
    }
  }

  private int share(Weights w, String what, int length) {
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
    return length / ranks();
  }
}
