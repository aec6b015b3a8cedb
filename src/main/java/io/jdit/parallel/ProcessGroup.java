package io.jdit.parallel;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Ranks that communicate. Every rank of the group makes the same calls in the same order, each from
 * one thread. Tensors are contiguous; a group on GPUs takes CPU tensors too.
 */
public interface ProcessGroup extends AutoCloseable {
  /** Position of this rank in the group. */
  int rank();

  int size();

  /** What this rank has sent in this group. */
  Traffic traffic();

  /** Sums {@code tensor} over the ranks, in place. */
  Work allReduce(Tensor tensor);

  /**
   * Joins the parts of all ranks in rank order.
   *
   * @param part [n, ...], of the same shape on every rank
   * @param whole [size n, ...]
   */
  Work allGather(Tensor part, Tensor whole);

  /**
   * Sends consecutive rows to consecutive ranks.
   *
   * @param send [sum of sendRows, ...]
   * @param receive [sum of receiveRows, ...], in rank order
   */
  Work allToAll(Tensor send, long[] sendRows, Tensor receive, long[] receiveRows);

  Work send(Tensor tensor, int to);

  Work receive(Tensor tensor, int from);

  /** Sends to one rank and receives from another, both at once: a step of a ring. */
  Work exchange(Tensor send, int to, Tensor receive, int from);

  /** Copies {@code tensor} of {@code root} to all ranks. */
  Work broadcast(Tensor tensor, int root);

  /** Waits until every rank is here. */
  void barrier();

  /**
   * A group of some of these ranks; only they call it, all with the same list.
   *
   * @param name of the dimension, for messages
   * @param ranks positions in this group, ascending, this rank among them
   */
  ProcessGroup subgroup(String name, int... ranks);

  /** Sums of numbers over the ranks, the same bits everywhere. */
  default float[] sum(float... values) {
    if (size() == 1) {
      return values;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor t = Tensor.of(values);
      allReduce(t).await();
      return t.toFloats();
    }
  }

  /** One number of every rank, in rank order. */
  default long[] gather(long value) {
    if (size() == 1) {
      return new long[] {value};
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor all = Tensor.empty(DType.INT64, Device.CPU, size());
      allGather(Tensor.of(new long[] {value}), all).await();
      return all.toLongs();
    }
  }

  /** One text of every rank, in rank order. */
  default List<String> gather(String text) {
    if (size() == 1) {
      return List.of(text);
    }
    byte[] mine = text.getBytes(StandardCharsets.UTF_8);
    long[] lengths = gather((long) mine.length);
    int longest = (int) Math.max(1, Arrays.stream(lengths).max().orElse(1));
    try (TensorScope scope = TensorScope.open()) {
      Tensor all = Tensor.empty(DType.UINT8, Device.CPU, (long) size() * longest);
      allGather(Tensor.of(Arrays.copyOf(mine, longest)), all).await();
      byte[] bytes = all.toBytes();
      List<String> texts = new ArrayList<>();
      for (int i = 0; i < size(); i++) {
        texts.add(new String(bytes, i * longest, (int) lengths[i], StandardCharsets.UTF_8));
      }
      return texts;
    }
  }

  /** The number of {@code root}. */
  default long broadcast(long value, int root) {
    if (size() == 1) {
      return value;
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor t = Tensor.of(new long[] {value});
      broadcast(t, root).await();
      return t.toLongs()[0];
    }
  }

  @Override
  void close();

  /** The group of a process that works alone. */
  static ProcessGroup single() {
    return new SingleGroup();
  }
}
