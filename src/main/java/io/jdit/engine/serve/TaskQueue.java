package io.jdit.engine.serve;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;

/**
 * Requests that wait and that have begun, and whose turn it is. Any thread may add, one takes.
 * Turns go to the request that the device attended least, together with those that may share its
 * step.
 */
final class TaskQueue {
  private static final long GUESSED_RETRY_SECONDS = 5; // before anything was measured

  /**
   * What is to be done next; one of the three.
   *
   * @param command between two steps, or null
   * @param begin a request that begins, or null
   * @param advance requests that take a step together, or empty
   */
  record Turn(Runnable command, Task begin, List<Task> advance) {}

  private final Batching batching;
  private final int limit;
  private final Deque<Task> waiting = new ArrayDeque<>();
  private final List<Task> active = new ArrayList<>();
  private final Deque<Runnable> commands = new ArrayDeque<>();
  private int entering; // accepted, not waiting yet
  private boolean closing; // accepts no more
  private boolean stopped;
  private double secondsPerWork; // smoothed over steps

  /**
   * @param limit requests that may wait
   */
  TaskQueue(Batching batching, int limit) {
    this.batching = batching;
    this.limit = limit;
  }

  /**
   * Keeps a place for a request.
   *
   * @throws QueueFullException when too many wait
   * @throws IllegalStateException when no more are accepted
   */
  synchronized void reserve() {
    requireOpen();
    if (waiting.size() + entering >= limit) {
      throw new QueueFullException(waiting.size() + entering, retrySeconds());
    }
    entering++;
  }

  /** A request takes the place that was kept for it. */
  synchronized void add(Task task) {
    entering--;
    waiting.add(task);
    notifyAll();
  }

  /**
   * @return whether it waited; one that has begun stays, and is looked at before its next step
   */
  synchronized boolean withdraw(Task task) {
    notifyAll();
    return waiting.remove(task);
  }

  synchronized void command(Runnable work) {
    if (stopped) {
      requireOpen();
    }
    commands.add(work);
    notifyAll();
  }

  private void requireOpen() {
    if (closing) {
      throw new IllegalStateException("the server is shutting down");
    }
  }

  /** Waits for something to do; null when it was stopped. */
  synchronized Turn take() {
    while (!stopped) {
      if (!commands.isEmpty()) {
        return new Turn(commands.poll(), null, List.of());
      }
      Task beginning = admitted();
      if (beginning != null) {
        return new Turn(null, beginning, List.of());
      }
      long left = active.isEmpty() ? 0 : gathering();
      if (!active.isEmpty() && left == 0) {
        return new Turn(null, null, together());
      }
      idle(left);
    }
    return null;
  }

  private void idle(long millis) {
    try {
      wait(millis);
    } catch (InterruptedException e) {
      // Nobody interrupts this thread to end it.
    }
  }

  /** The request that begins now; null for none. */
  private Task admitted() {
    if (waiting.isEmpty()
        || active.size() >= batching.active()
        || batching.mode() == Batching.Mode.DYNAMIC && underWay()) {
      return null;
    }
    Task task = waiting.poll();
    task.attended = active.stream().mapToLong(t -> t.attended).min().orElse(0);
    active.add(task);
    return task;
  }

  private boolean underWay() {
    return active.stream().anyMatch(t -> t.place() != null && t.place().done() > 0);
  }

  /** Milliseconds in which others may still come that begin together with those that have. */
  private long gathering() {
    if (batching.mode() != Batching.Mode.DYNAMIC
        || active.size() >= batching.most()
        || underWay()) {
      return 0;
    }
    long since = System.currentTimeMillis() - active.get(0).started().toEpochMilli();
    return Math.max(0, batching.delayMillis() - since);
  }

  private List<Task> together() {
    Task first = active.stream().min(Comparator.comparingLong(t -> t.attended)).orElseThrow();
    List<Task> tasks = new ArrayList<>(List.of(first));
    if (first.place() != null && first.place().batchKey() != null) {
      active.stream().filter(t -> t != first && sharesStep(first, t)).forEach(tasks::add);
    }
    return tasks;
  }

  private static boolean sharesStep(Task a, Task b) {
    return a.order().model().equals(b.order().model())
        && b.place() != null
        && a.place().batchKey().equals(b.place().batchKey());
  }

  /** It has ended. */
  synchronized void leave(Task task) {
    active.remove(task);
    notifyAll();
  }

  /** So long took a step of these. */
  synchronized void measured(List<Task> tasks, double seconds) {
    double work = 0;
    for (Task task : tasks) {
      work += task.order().work() / Math.max(1, task.place().steps());
    }
    double rate = seconds / Math.max(1, work);
    secondsPerWork = secondsPerWork == 0 ? rate : 0.9 * secondsPerWork + 0.1 * rate;
  }

  /** Seconds after which a request is likely to have ended: the mean between two ends. */
  synchronized long retrySeconds() {
    List<Task> open = open();
    if (open.isEmpty() || secondsPerWork == 0) {
      return GUESSED_RETRY_SECONDS;
    }
    double left = open.stream().mapToDouble(Task::workLeft).sum();
    return Math.max(1, (long) Math.ceil(left * secondsPerWork / open.size()));
  }

  synchronized int waiting() {
    return waiting.size();
  }

  synchronized int running() {
    return active.size();
  }

  /** Whether a model has requests that wait or have begun. */
  synchronized boolean busy(String model) {
    return open().stream().anyMatch(t -> t.order().model().equals(model));
  }

  /** Those of a model that have begun. */
  synchronized List<Task> begun(String model) {
    return active.stream().filter(t -> t.order().model().equals(model)).toList();
  }

  private List<Task> open() {
    return Stream.concat(active.stream(), waiting.stream()).toList();
  }

  /** Accepts no more, and waits until all have ended, at most so long. */
  synchronized void drain(long millis) throws InterruptedException {
    long limitNanos = System.nanoTime() + millis * 1_000_000;
    closing = true;
    while (entering > 0 || !waiting.isEmpty() || !active.isEmpty()) {
      long left = (limitNanos - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        return;
      }
      wait(left);
    }
  }

  synchronized void stop() {
    closing = true;
    stopped = true;
    notifyAll();
  }

  /** What is left after {@link #stop}. */
  synchronized List<Task> abandoned() {
    List<Task> left = open();
    waiting.clear();
    return left;
  }

  /** Commands that are left after {@link #stop}. */
  synchronized List<Runnable> leftCommands() {
    List<Runnable> left = List.copyOf(commands);
    commands.clear();
    return left;
  }
}
