package io.jdit.parallel;

import io.jdit.tensor.Tensor;

/** One rank: nothing is sent. */
final class SingleGroup implements ProcessGroup {
  private final Traffic traffic = new Traffic();

  @Override
  public int rank() {
    return 0;
  }

  @Override
  public int size() {
    return 1;
  }

  @Override
  public Traffic traffic() {
    return traffic;
  }

  @Override
  public Work allReduce(Tensor tensor) {
    return Work.DONE;
  }

  @Override
  public Work allGather(Tensor part, Tensor whole) {
    whole.copy_(part);
    return Work.DONE;
  }

  @Override
  public Work allToAll(Tensor send, long[] sendRows, Tensor receive, long[] receiveRows) {
    receive.copy_(send);
    return Work.DONE;
  }

  @Override
  public Work send(Tensor tensor, int to) {
    throw alone();
  }

  @Override
  public Work receive(Tensor tensor, int from) {
    throw alone();
  }

  @Override
  public Work exchange(Tensor send, int to, Tensor receive, int from) {
    receive.copy_(send);
    return Work.DONE;
  }

  @Override
  public Work broadcast(Tensor tensor, int root) {
    return Work.DONE;
  }

  @Override
  public void barrier() {}

  @Override
  public ProcessGroup subgroup(String name, int... ranks) {
    return new SingleGroup();
  }

  @Override
  public void close() {}

  private static IllegalStateException alone() {
    return new IllegalStateException("a group of one rank has no other rank to talk to");
  }
}
