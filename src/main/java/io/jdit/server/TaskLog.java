package io.jdit.server;

import io.jdit.engine.serve.SchedulerListener;
import io.jdit.engine.serve.Task;
import io.jdit.engine.serve.TaskStore;
import java.util.List;
import java.util.function.Consumer;

/** Keeps the records of requests, and writes a line for each that was accepted or has ended. */
final class TaskLog implements SchedulerListener {
  private static final int SWEEP_EVERY = 32; // it looks at every file

  private final TaskStore store;
  private final Consumer<String> log;
  private final List<SchedulerListener> others;
  private int ends; // of the scheduler's thread, mostly: a missed one does no harm

  TaskLog(TaskStore store, Consumer<String> log, SchedulerListener... others) {
    this.store = store;
    this.log = log;
    this.others = List.of(others);
  }

  @Override
  public void accepted(Task task) {
    store.save(task);
    log.accept("request=" + task.id() + " model=" + task.order().model() + " state=queued");
    others.forEach(o -> o.accepted(task));
  }

  @Override
  public void began(Task task) {
    others.forEach(o -> o.began(task));
  }

  @Override
  public void stepped(String model, int together, double seconds) {
    others.forEach(o -> o.stepped(model, together, seconds));
  }

  @Override
  public void ended(Task task) {
    store.save(task);
    if (++ends % SWEEP_EVERY == 0) {
      store.sweep();
    }
    long millis = task.ended().toEpochMilli() - task.created().toEpochMilli();
    log.accept(
        "request="
            + task.id()
            + " model="
            + task.order().model()
            + " state="
            + task.state().text()
            + " seconds="
            + millis / 1e3
            + (task.error() == null ? "" : " error=" + task.error()));
    others.forEach(o -> o.ended(task));
  }

  @Override
  public void lost(String model, String reason) {
    log.accept("model=" + model + " state=lost error=" + reason);
    others.forEach(o -> o.lost(model, reason));
  }
}
