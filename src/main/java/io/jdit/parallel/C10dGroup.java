package io.jdit.parallel;

import io.jdit.metrics.Trace;
import io.jdit.tensor.Tensor;
import java.time.Duration;
import java.util.Arrays;
import java.util.function.Supplier;
import org.bytedeco.pytorch.Backend;
import org.bytedeco.pytorch.BroadcastOptions;
import org.bytedeco.pytorch.LongVector;
import org.bytedeco.pytorch.TensorVector;

/** A group over c10d backends: Gloo for CPU tensors, NCCL for CUDA tensors where there are GPUs. */
final class C10dGroup implements ProcessGroup {
  private static final int TAG = 0;

  private final String name;
  private final int rank;
  private final int size;
  private final Rendezvous rendezvous;
  private final Duration timeout;
  private final boolean cuda;
  private final Backend gloo;
  private final Backend nccl; // null on CPUs
  private final Traffic traffic = new Traffic();
  private int subgroups;

  /**
   * @param rendezvous of this group alone, closed with it
   * @param cuda whether CUDA tensors are sent too
   * @param timeout of one collective
   */
  C10dGroup(
      String name, int rank, int size, Rendezvous rendezvous, boolean cuda, Duration timeout) {
    this.name = name;
    this.rank = rank;
    this.size = size;
    this.rendezvous = rendezvous;
    this.cuda = cuda;
    this.timeout = timeout;
    this.gloo = checked("set-up", () -> Backends.gloo(rendezvous, rank, size, timeout));
    this.nccl =
        cuda ? checked("set-up", () -> Backends.nccl(rendezvous, rank, size, timeout)) : null;
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public Traffic traffic() {
    return traffic;
  }

  @Override
  public Work allReduce(Tensor tensor) {
    return start(
        Collective.ALL_REDUCE,
        2 * tensor.bytes() * (size - 1) / size,
        () -> {
          try (TensorVector v = new TensorVector(contiguous(tensor).handle())) {
            return backend(tensor).allreduce(v);
          }
        });
  }

  @Override
  public Work allGather(Tensor part, Tensor whole) {
    return start(
        Collective.ALL_GATHER,
        part.bytes() * (size - 1),
        () -> backend(part)._allgather_base(contiguous(whole).handle(), contiguous(part).handle()));
  }

  @Override
  public Work allToAll(Tensor send, long[] sendRows, Tensor receive, long[] receiveRows) {
    long rows = Arrays.stream(sendRows).sum();
    long sent = rows == 0 ? 0 : send.bytes() / rows * (rows - sendRows[rank]);
    return start(
        Collective.ALL_TO_ALL,
        sent,
        () -> {
          try (LongVector in = new LongVector(sendRows);
              LongVector out = new LongVector(receiveRows)) {
            return backend(send)
                .alltoall_base(contiguous(receive).handle(), contiguous(send).handle(), out, in);
          }
        });
  }

  @Override
  public Work send(Tensor tensor, int to) {
    return start(Collective.POINT_TO_POINT, tensor.bytes(), () -> rawSend(tensor, to));
  }

  @Override
  public Work receive(Tensor tensor, int from) {
    return start(Collective.POINT_TO_POINT, 0, () -> rawReceive(tensor, from));
  }

  @Override
  public Work exchange(Tensor send, int to, Tensor receive, int from) {
    Backend backend = backend(send);
    if (backend == nccl) {
      // NCCL would wait for the peer of the first call before it starts the second.
      return start(
          Collective.POINT_TO_POINT,
          send.bytes(),
          () -> {
            nccl.startCoalescing();
            rawSend(send, to);
            rawReceive(receive, from);
            return nccl.endCoalescing();
          });
    }
    Work sending = start(Collective.POINT_TO_POINT, send.bytes(), () -> rawSend(send, to));
    Work receiving = awaitable(Collective.POINT_TO_POINT, () -> rawReceive(receive, from));
    return () -> Work.awaitAll(receiving, sending);
  }

  @Override
  public Work broadcast(Tensor tensor, int root) {
    return start(
        Collective.BROADCAST,
        rank == root ? tensor.bytes() * (size - 1) : 0,
        () -> {
          try (TensorVector v = new TensorVector(contiguous(tensor).handle());
              BroadcastOptions options = new BroadcastOptions()) {
            options.rootRank(root);
            return backend(tensor).broadcast(v, options);
          }
        });
  }

  @Override
  public void barrier() {
    start(Collective.BARRIER, 0, gloo::barrier).await();
  }

  @Override
  public ProcessGroup subgroup(String dimension, int... ranks) {
    int position = Arrays.binarySearch(ranks, rank);
    if (position < 0) {
      throw new IllegalArgumentException(
          "rank " + rank + " is not in group " + dimension + " " + Arrays.toString(ranks));
    }
    if (ranks.length == 1) {
      return new SingleGroup();
    }
    String key = name + "/" + dimension + subgroups++ + Arrays.toString(ranks);
    return new C10dGroup(
        dimension, position, ranks.length, rendezvous.prefixed(key), cuda, timeout);
  }

  private Backend backend(Tensor tensor) {
    if (tensor.device().isCpu()) {
      return gloo;
    }
    if (nccl == null) {
      throw new IllegalArgumentException(
          "group " + name + " was made for CPU tensors, found " + tensor);
    }
    return nccl;
  }

  private org.bytedeco.pytorch.Work rawSend(Tensor tensor, int to) {
    try (TensorVector v = new TensorVector(contiguous(tensor).handle())) {
      return backend(tensor).send(v, to, TAG);
    }
  }

  private org.bytedeco.pytorch.Work rawReceive(Tensor tensor, int from) {
    try (TensorVector v = new TensorVector(contiguous(tensor).handle())) {
      return backend(tensor).recv(v, from, TAG);
    }
  }

  private static Tensor contiguous(Tensor tensor) {
    if (!tensor.isContiguous()) {
      throw new IllegalArgumentException("only contiguous tensors are sent, found " + tensor);
    }
    return tensor;
  }

  private Work start(Collective kind, long sent, Supplier<org.bytedeco.pytorch.Work> issue) {
    Work work = awaitable(kind, issue);
    traffic.add(kind, sent);
    return work;
  }

  private Work awaitable(Collective kind, Supplier<org.bytedeco.pytorch.Work> issue) {
    org.bytedeco.pytorch.Work work = checked(kind.text(), issue);
    return () ->
        checked(
            kind.text(),
            () -> {
              try (work;
                  Trace.Span span = Trace.span(Trace.Kind.EXCHANGE, kind.text())) {
                return work._wait();
              }
            });
  }

  private <T> T checked(String what, Supplier<T> call) {
    try {
      return call.get();
    } catch (IllegalArgumentException e) {
      throw e;
    } catch (RuntimeException e) {
      throw new CollectiveException(
          what
              + " of "
              + size
              + " ranks ("
              + name
              + ") failed: another rank ended, or did not answer within "
              + timeout.toSeconds()
              + " s; LibTorch says: "
              + firstLine(e),
          e);
    }
  }

  private static String firstLine(RuntimeException e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("nothing");
  }

  @Override
  public void close() {
    gloo.close();
    if (nccl != null) {
      nccl.shutdown();
      nccl.close();
    }
    rendezvous.close();
  }
}
