package io.jdit.server;

import io.jdit.engine.serve.SchedulerListener;
import io.jdit.engine.serve.Task;
import io.jdit.engine.serve.TaskStore;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Keeps the records of requests, and writes a line for each that was accepted or has ended. */
final class TaskLog implements SchedulerListener {
  private static final int SWEEP_EVERY = 32; // it looks at every file

  private final TaskStore store;
  private final RequestLog format;
  private final Consumer<String> log;
  private final List<SchedulerListener> others;
  private int ends; // of the scheduler's thread, mostly: a missed one does no harm

  TaskLog(TaskStore store, RequestLog format, Consumer<String> log, SchedulerListener... others) {
    this.store = store;
    this.format = format;
    this.log = log;
    this.others = List.of(others);
  }

  @Override
  public void accepted(Task task) {
    store.save(task);
    write(entry(task, "queued"));
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
    Map<String, Object> entry = entry(task, task.state().text());
    long millis = task.ended().toEpochMilli() - task.created().toEpochMilli();
    entry.put("seconds", millis / 1e3);
    if (task.error() != null) {
      entry.put("error", task.error());
    }
    write(entry);
    others.forEach(o -> o.ended(task));
  }

  @Override
  public void lost(String model, String reason) {
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("model", model);
    entry.put("state", "lost");
    entry.put("error", reason);
    write(entry);
    others.forEach(o -> o.lost(model, reason));
  }

  private static Map<String, Object> entry(Task task, String state) {
    Map<String, Object> entry = new LinkedHashMap<>();
    entry.put("request", task.id());
    entry.put("model", task.order().model());
    entry.put("state", state);
    return entry;
  }

  private void write(Map<String, Object> entry) {
    if (format != RequestLog.OFF) {
      log.accept(format.line(entry));
    }
  }
}
