package io.jdit.parallel;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Notes when an all-to-all or an exchange is started and waited for, and what is sent. */
final class RecordingGroup implements ProcessGroup {
  final List<String> events;
  final List<Tensor> sent = new ArrayList<>();
  private final ProcessGroup group;
  private int started;

  RecordingGroup(ProcessGroup group, List<String> events) {
    this.group = group;
    this.events = events;
  }

  private Work record(String what, Tensor buffer, Work work) {
    String name = what + " " + started++;
    events.add("start " + name);
    sent.add(TensorScope.detach(buffer.copy()));
    return () -> {
      events.add("await " + name);
      work.await();
    };
  }

  void closeSent() {
    sent.forEach(Tensor::close);
  }

  @Override
  public Work allToAll(Tensor send, long[] sendRows, Tensor receive, long[] receiveRows) {
    return record("all-to-all", send, group.allToAll(send, sendRows, receive, receiveRows));
  }

  @Override
  public Work exchange(Tensor send, int to, Tensor receive, int from) {
    return record("exchange", send, group.exchange(send, to, receive, from));
  }

  @Override
  public int rank() {
    return group.rank();
  }

  @Override
  public int size() {
    return group.size();
  }

  @Override
  public Traffic traffic() {
    return group.traffic();
  }

  @Override
  public Work allReduce(Tensor tensor) {
    return group.allReduce(tensor);
  }

  @Override
  public Work allGather(Tensor part, Tensor whole) {
    return group.allGather(part, whole);
  }

  @Override
  public Work send(Tensor tensor, int to) {
    return group.send(tensor, to);
  }

  @Override
  public Work receive(Tensor tensor, int from) {
    return group.receive(tensor, from);
  }

  @Override
  public Work broadcast(Tensor tensor, int root) {
    return group.broadcast(tensor, root);
  }

  @Override
  public void barrier() {
    group.barrier();
  }

  @Override
  public ProcessGroup subgroup(String name, int... ranks) {
    return group.subgroup(name, ranks);
  }

  @Override
  public void close() {}
}
