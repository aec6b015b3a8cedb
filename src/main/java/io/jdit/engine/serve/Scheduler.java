package io.jdit.engine.serve;

import io.jdit.pipeline.NotFiniteException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs requests on the models of one device. One thread does all the work, a step at a time: it
 * takes the request that the device attended least, and with it others that may share its step, so
 * that a short request does not wait for the end of a long one. Requests are cancelled between
 * steps. A failing request harms no other.
 */
public final class Scheduler implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Scheduler.class);
  private static final long GUESSED_RETRY_SECONDS = 5; // before anything was measured

  private final ServedModels models;
  private final Batching batching;
  private final int queueLimit;
  private final SchedulerListener listener;
  private final Deque<Task> queue = new ArrayDeque<>(); // guarded by this, as all below
  private final List<Task> active = new ArrayList<>();
  private final Deque<Runnable> commands = new ArrayDeque<>();
  private int entering; // accepted, not in the queue yet
  private boolean draining;
  private boolean stopped;
  private double secondsPerWork; // smoothed over steps
  private final Thread thread = new Thread(this::loop, "jdit-scheduler");

  /**
   * @param queueLimit requests that may wait
   */
  public Scheduler(
      ServedModels models, Batching batching, int queueLimit, SchedulerListener listener) {
    this.models = models;
    this.batching = batching;
    this.queueLimit = queueLimit;
    this.listener = listener;
    thread.setDaemon(true);
    thread.start();
  }

  /**
   * Accepts a request.
   *
   * @throws QueueFullException when too many wait
   * @throws IllegalStateException when the server is ending
   */
  public Task submit(Task.Order order) {
    Task task = new Task(order);
    synchronized (this) {
      if (draining) {
        throw new IllegalStateException("the server is shutting down");
      }
      if (queue.size() + entering >= queueLimit) {
        throw new QueueFullException(queue.size() + entering, retrySeconds());
      }
      entering++;
    }
    try {
      listener.accepted(task); // writes a file: nobody waits for that
    } finally {
      synchronized (this) {
        entering--;
        queue.add(task);
        notifyAll();
      }
    }
    return task;
  }

  /**
   * Ends a request at once while it waits, else before its next step; the ended stay as they are.
   */
  public void cancel(Task task) {
    task.cancel();
    boolean waited;
    synchronized (this) {
      waited = queue.remove(task);
      notifyAll();
    }
    if (waited) {
      task.endCancelled();
      listener.ended(task);
    }
  }

  /** Does something with the models between two steps, and waits for it. */
  public <T> T between(Callable<T> work) throws Exception {
    CompletableFuture<T> result = new CompletableFuture<>();
    synchronized (this) {
      if (stopped) {
        throw new IllegalStateException("the server is shutting down");
      }
      commands.add(
          () -> {
            try {
              result.complete(work.call());
            } catch (Exception | Error e) {
              result.completeExceptionally(e);
            }
          });
      notifyAll();
    }
    try {
      return result.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    }
  }

  public synchronized int waiting() {
    return queue.size();
  }

  public synchronized int running() {
    return active.size();
  }

  /** Whether a model has requests that wait or run. */
  public synchronized boolean busy(String model) {
    return Stream.concat(queue.stream(), active.stream())
        .anyMatch(t -> t.order().model().equals(model));
  }

  /** Seconds after which a request is likely to have ended: the mean between two ends. */
  public synchronized long retrySeconds() {
    int open = queue.size() + active.size();
    if (open == 0 || secondsPerWork == 0) {
      return GUESSED_RETRY_SECONDS;
    }
    double left = Stream.concat(queue.stream(), active.stream()).mapToDouble(Task::workLeft).sum();
    return Math.max(1, (long) Math.ceil(left * secondsPerWork / open));
  }

  /**
   * Accepts no more, and ends everything that is open within {@code millis}: finished if there is
   * time, else failed with a word.
   */
  public void drain(long millis) throws InterruptedException {
    long limit = System.nanoTime() + millis * 1_000_000;
    synchronized (this) {
      draining = true;
      while (entering > 0 || !queue.isEmpty() || !active.isEmpty()) {
        long left = (limit - System.nanoTime()) / 1_000_000;
        if (left <= 0) {
          break;
        }
        wait(left);
      }
    }
  }

  /** Ends what is open, and closes the models. */
  @Override
  public void close() {
    synchronized (this) {
      draining = true;
      stopped = true;
      notifyAll();
    }
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void loop() {
    try {
      while (true) {
        Runnable command;
        Task waiting = null;
        List<Task> next = List.of();
        synchronized (this) {
          while (!stopped && commands.isEmpty() && active.isEmpty() && queue.isEmpty()) {
            idle(0);
          }
          if (stopped) {
            break;
          }
          command = commands.poll();
          if (command == null) {
            waiting = admissible();
            if (waiting == null && !active.isEmpty()) {
              if (gathers()) {
                continue;
              }
              next = next();
            }
          }
        }
        if (command != null) {
          command.run();
        } else if (waiting != null) {
          begin(waiting);
        } else {
          advance(next);
        }
      }
    } catch (Throwable e) {
      LOG.error("the scheduler failed", e);
    } finally {
      shutDown();
    }
  }

  private void idle(long millis) {
    try {
      wait(millis);
    } catch (InterruptedException e) {
      // Nobody interrupts this thread to end it.
    }
  }

  /** The request that begins now, moved to the active ones; null for none. */
  private Task admissible() {
    if (queue.isEmpty() || active.size() >= batching.active()) {
      return null;
    }
    if (batching.mode() == Batching.Mode.DYNAMIC && underWay()) {
      return null;
    }
    Task task = queue.poll();
    task.attended = active.stream().mapToLong(t -> t.attended).min().orElse(0);
    active.add(task);
    return task;
  }

  private boolean underWay() {
    return active.stream().anyMatch(t -> t.place() != null && t.place().done() > 0);
  }

  /** Waits for others that begin together; true when the world may have changed. */
  private boolean gathers() {
    if (batching.mode() != Batching.Mode.DYNAMIC
        || batching.delayMillis() == 0
        || active.size() >= batching.most()
        || underWay()) {
      return false;
    }
    long since = System.currentTimeMillis() - active.get(0).started().toEpochMilli();
    long left = batching.delayMillis() - since;
    if (left <= 0) {
      return false;
    }
    idle(left);
    return true;
  }

  /** The one that was attended least, and those that may share its step. */
  private List<Task> next() {
    Task first = active.stream().min(Comparator.comparingLong(t -> t.attended)).orElseThrow();
    List<Task> together = new ArrayList<>(List.of(first));
    if (first.place() != null && first.place().batchKey() != null) {
      active.stream().filter(t -> t != first && sharesStep(first, t)).forEach(together::add);
    }
    return together;
  }

  private static boolean sharesStep(Task a, Task b) {
    return a.order().model().equals(b.order().model())
        && b.place() != null
        && a.place().batchKey().equals(b.place().batchKey());
  }

  private void begin(Task task) {
    if (task.isCancelled()) {
      end(task, task::endCancelled);
      return;
    }
    task.enters("load");
    listener.began(task);
    Task.Order order = task.order();
    long start = System.nanoTime();
    try {
      StepRunner runner = models.runner(order.model(), this::busyBesides);
      task.enters("text_encode");
      task.at(runner.begin(order.id(), order.requests(), order.cache(), order.previews() > 0));
      task.enters("denoise");
    } catch (RunnerLostException e) {
      lost(order.model(), e);
    } catch (RuntimeException | Error e) {
      failed(task, e);
    }
    task.attended += System.nanoTime() - start;
  }

  /** A model that is asked for may take the place of one that nobody needs. */
  private synchronized boolean busyBesides(String model) {
    return active.stream().anyMatch(t -> t.place() != null && t.order().model().equals(model));
  }

  private void advance(List<Task> tasks) {
    List<Task> going = new ArrayList<>();
    for (Task task : tasks) {
      if (task.isCancelled()) {
        end(task, task::endCancelled);
      } else {
        going.add(task);
      }
    }
    if (going.isEmpty()) {
      return;
    }
    String model = going.get(0).order().model();
    long start = System.nanoTime();
    try {
      StepRunner runner = models.runner(model, this::busyBesides);
      List<StepOutcome> outcomes = runner.step(going.stream().map(Task::id).toList());
      double seconds = (System.nanoTime() - start) / 1e9;
      measured(going, seconds);
      listener.stepped(model, going.size(), seconds);
      for (int i = 0; i < going.size(); i++) {
        after(going.get(i), outcomes.get(i), runner);
      }
    } catch (RunnerLostException e) {
      lost(model, e);
    } catch (RuntimeException | Error e) {
      going.stream().filter(t -> !t.state().ended()).forEach(t -> failed(t, e));
    }
    long share = (System.nanoTime() - start) / going.size();
    going.forEach(t -> t.attended += share);
  }

  private void after(Task task, StepOutcome outcome, StepRunner runner) {
    if (outcome.failure() != null) {
      end(task, () -> task.fail(outcome.failure(), true));
      return;
    }
    task.at(outcome.place());
    if (!outcome.place().atEnd()) {
      preview(task, runner);
      return;
    }
    task.enters("decode");
    try {
      Finished finished = runner.finish(task.id(), task.order().target());
      end(task, () -> task.complete(finished));
    } catch (RunnerLostException e) {
      throw e;
    } catch (RuntimeException | Error e) {
      failed(task, e);
    }
  }

  /** At even distances between the first step and the last. */
  private static void preview(Task task, StepRunner runner) {
    Place place = task.place();
    int wanted = task.order().previews();
    if (task.previewsMade >= wanted
        || place.done() * (wanted + 1) < place.steps() * (task.previewsMade + 1)) {
      return;
    }
    byte[] png = runner.preview(task.id());
    if (png != null) {
      task.shows(png);
    }
  }

  private synchronized void measured(List<Task> tasks, double seconds) {
    double work = 0;
    for (Task task : tasks) {
      work += task.order().work() / Math.max(1, task.place().steps());
    }
    double rate = seconds / Math.max(1, work);
    secondsPerWork = secondsPerWork == 0 ? rate : 0.9 * secondsPerWork + 0.1 * rate;
  }

  private void failed(Task task, Throwable e) {
    boolean own = e instanceof IllegalArgumentException || e instanceof NotFiniteException;
    if (!own) {
      LOG.warn("{} failed", task.id(), e);
    }
    end(task, () -> task.fail(models.text(e), own));
  }

  /** All that the runner held has failed; those that wait will get another one. */
  private void lost(String model, RunnerLostException e) {
    listener.lost(model, e.getMessage());
    List<Task> gone;
    synchronized (this) {
      gone = active.stream().filter(t -> t.order().model().equals(model)).toList();
    }
    models.lose(model);
    gone.forEach(t -> end(t, () -> t.fail(e.getMessage(), false)));
  }

  private void end(Task task, Runnable how) {
    models.drop(task.order().model(), task.id());
    synchronized (this) {
      active.remove(task);
    }
    how.run();
    listener.ended(task);
    synchronized (this) {
      notifyAll();
    }
  }

  private void shutDown() {
    List<Task> open;
    synchronized (this) {
      draining = true;
      stopped = true;
      open = Stream.concat(active.stream(), queue.stream()).toList();
      queue.clear();
    }
    open.forEach(t -> end(t, () -> t.fail("the server was shut down", false)));
    Deque<Runnable> left;
    synchronized (this) {
      left = new ArrayDeque<>(commands);
      commands.clear();
    }
    left.forEach(Runnable::run);
    models.close();
  }
}
