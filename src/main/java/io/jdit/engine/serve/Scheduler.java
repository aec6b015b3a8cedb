package io.jdit.engine.serve;

import io.jdit.pipeline.NotFiniteException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs requests on the models of one device. One thread does all the work, a step at a time ({@link
 * TaskQueue} says whose), so that a short request does not wait for the end of a long one. Requests
 * are cancelled between steps. A failing request harms no other.
 */
public final class Scheduler implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Scheduler.class);

  private final ServedModels models;
  private final TaskQueue queue;
  private final SchedulerListener listener;
  private final Thread thread = new Thread(this::loop, "jdit-scheduler");

  /**
   * @param queueLimit requests that may wait
   */
  public Scheduler(
      ServedModels models, Batching batching, int queueLimit, SchedulerListener listener) {
    this.models = models;
    this.queue = new TaskQueue(batching, queueLimit);
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
    queue.reserve();
    try {
      listener.accepted(task); // writes a file: nobody waits for that
    } finally {
      queue.add(task);
    }
    return task;
  }

  /**
   * Ends a request at once while it waits, else before its next step; the ended stay as they are.
   */
  public void cancel(Task task) {
    task.cancel();
    if (queue.withdraw(task)) {
      task.endCancelled();
      announce(task);
    }
  }

  /** Does something with the models between two steps, and waits for it. */
  public <T> T between(Callable<T> work) throws Exception {
    CompletableFuture<T> result = new CompletableFuture<>();
    queue.command(
        () -> {
          try {
            result.complete(work.call());
          } catch (Exception | Error e) {
            result.completeExceptionally(e);
          }
        });
    try {
      return result.get();
    } catch (ExecutionException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    }
  }

  public int waiting() {
    return queue.waiting();
  }

  public int running() {
    return queue.running();
  }

  /** Whether a model has requests that wait or run. */
  public boolean busy(String model) {
    return queue.busy(model);
  }

  /** Seconds after which a request is likely to have ended: the mean between two ends. */
  public long retrySeconds() {
    return queue.retrySeconds();
  }

  /** Accepts no more, and gives what is open {@code millis} to end. */
  public void drain(long millis) throws InterruptedException {
    queue.drain(millis);
  }

  /** Fails what is open, with a word, and closes the models. */
  @Override
  public void close() {
    queue.stop();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void loop() {
    try {
      for (TaskQueue.Turn turn = queue.take(); turn != null; turn = queue.take()) {
        if (turn.command() != null) {
          turn.command().run();
        } else if (turn.begin() != null) {
          begin(turn.begin());
        } else {
          advance(turn.advance());
        }
      }
    } catch (Throwable e) {
      LOG.error("the scheduler failed", e);
    } finally {
      shutDown();
    }
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
  private boolean busyBesides(String model) {
    return queue.begun(model).stream().anyMatch(t -> t.place() != null);
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
      queue.measured(going, seconds);
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
    List<Task> gone = queue.begun(model);
    models.lose(model);
    gone.forEach(t -> end(t, () -> t.fail(e.getMessage(), false)));
  }

  private void end(Task task, Runnable how) {
    models.drop(task.order().model(), task.id());
    how.run();
    announce(task);
    queue.leave(task);
  }

  private void announce(Task task) {
    try {
      listener.ended(task);
    } catch (RuntimeException e) {
      LOG.warn("the end of {} was not recorded", task.id(), e);
    }
    task.announceEnd();
  }

  private void shutDown() {
    queue.stop();
    queue.abandoned().forEach(t -> end(t, () -> t.fail("the server was shut down", false)));
    queue.leftCommands().forEach(Runnable::run);
    models.close();
  }
}
