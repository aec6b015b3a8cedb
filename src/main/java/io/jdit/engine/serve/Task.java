package io.jdit.engine.serve;

import io.jdit.config.Values;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import java.math.BigInteger;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A request from when it was accepted to its end. What was asked for never changes; how far it is
 * can be read by any thread, and is written by the scheduler.
 */
public final class Task {
  private static final Logger LOG = LoggerFactory.getLogger(Task.class);

  /**
   * What is asked for.
   *
   * @param model name of a served model
   * @param kind what the client calls it: {@code image} or {@code video}
   * @param given what the client set
   * @param request as it is run, every default filled in; of several seeds with the first
   * @param seeds of the outputs, one for each; empty where they share that of the request
   * @param origin the task that this one is a variation of, or null
   * @param cache see {@link StepRunner#begin}
   * @param target where the results go
   * @param previews coarse pictures to make on the way
   * @param work pixels times frames times steps, to compare requests by
   */
  public record Order(
      String id,
      String model,
      String kind,
      Values given,
      Request request,
      List<BigInteger> seeds,
      String origin,
      CacheChoice cache,
      Target target,
      int previews,
      double work) {
    /** What is run: a request, or one for each seed. */
    List<Values> requests() {
      Values single = given.with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, 1);
      return seeds.isEmpty()
          ? List.of(given)
          : seeds.stream().map(s -> single.with(RequestKeys.SEED, s)).toList();
    }
  }

  private final Order order;
  private final Instant created;
  private final List<Consumer<TaskEvent>> listeners = new CopyOnWriteArrayList<>();
  private final CompletableFuture<Task> end = new CompletableFuture<>();

  private volatile TaskState state = TaskState.QUEUED;
  private volatile String stage = "queued";
  private volatile Place place;
  private volatile Instant started;
  private volatile Instant ended;
  private volatile String error;
  private volatile boolean ownFault;
  private volatile Finished finished;
  private volatile boolean cancelled;

  // The scheduler's own.
  long attended; // nanoseconds of the device, compared with others
  int previewsMade;

  public Task(Order order) {
    this(order, Instant.now());
  }

  private Task(Order order, Instant created) {
    this.order = order;
    this.created = created;
  }

  /** A task of an earlier process that had ended. */
  static Task ended(
      Order order,
      Instant created,
      Instant started,
      Instant ended,
      TaskState state,
      String error,
      Finished finished) {
    Task task = new Task(order, created);
    task.started = started;
    task.ended = ended;
    task.state = state;
    task.stage = state.text();
    task.error = error;
    task.finished = finished;
    task.end.complete(task);
    return task;
  }

  public Order order() {
    return order;
  }

  public String id() {
    return order.id();
  }

  public Instant created() {
    return created;
  }

  /** Null while it waits. */
  public Instant started() {
    return started;
  }

  /** Null until its end. */
  public Instant ended() {
    return ended;
  }

  public TaskState state() {
    return cancelled && !state.ended() ? TaskState.CANCELLING : state;
  }

  /** queued, load, text_encode, denoise, decode, or how it ended. */
  public String stage() {
    return stage;
  }

  /** Null before its first step can be taken. */
  public Place place() {
    return place;
  }

  /** Of its steps, in percent; 100 at a good end only. */
  public int progress() {
    if (state == TaskState.COMPLETED) {
      return 100;
    }
    Place now = place;
    return now == null ? 0 : Math.min(99, 100 * now.done() / Math.max(1, now.steps()));
  }

  /** One line; null unless it failed. */
  public String error() {
    return error;
  }

  /** Whether it failed because it cannot be done, however often it is tried. */
  public boolean ownFault() {
    return ownFault;
  }

  /** Null unless completed. */
  public Finished finished() {
    return finished;
  }

  /** What is left to be done of {@link Order#work}. */
  double workLeft() {
    Place now = place;
    return now == null
        ? order.work()
        : order.work() * (now.steps() - now.done()) / Math.max(1, now.steps());
  }

  /** Hears of it from now on, on the scheduler's thread: it must not wait. */
  public Runnable listen(Consumer<TaskEvent> listener) {
    listeners.add(listener);
    return () -> listeners.remove(listener);
  }

  /** Is completed at its end, when its record is written, on the scheduler's thread. */
  public CompletableFuture<Task> whenEnded() {
    return end.copy();
  }

  void cancel() {
    cancelled = true;
  }

  boolean isCancelled() {
    return cancelled;
  }

  void enters(String nextStage) {
    if (state == TaskState.QUEUED) {
      state = TaskState.IN_PROGRESS;
      started = Instant.now();
    }
    stage = nextStage;
    tell(new TaskEvent.Progressed());
  }

  void at(Place next) {
    place = next;
    tell(new TaskEvent.Progressed());
  }

  void shows(byte[] png) {
    tell(new TaskEvent.Preview(previewsMade++, png));
  }

  void complete(Finished result) {
    finished = result;
    end(TaskState.COMPLETED);
  }

  /**
   * @param own see {@link #ownFault}
   */
  void fail(String reason, boolean own) {
    error = reason;
    ownFault = own;
    end(TaskState.FAILED);
  }

  void endCancelled() {
    end(TaskState.CANCELLED);
  }

  private void end(TaskState how) {
    ended = Instant.now();
    stage = how.text();
    state = how;
  }

  /** Lets those know who wait for its end: the last thing that happens to it. */
  void announceEnd() {
    tell(new TaskEvent.Ended());
    end.complete(this);
  }

  private void tell(TaskEvent event) {
    for (Consumer<TaskEvent> listener : listeners) {
      try {
        listener.accept(event);
      } catch (RuntimeException e) {
        LOG.warn("a listener of {} failed", id(), e); // the others and the task are not its fault
      }
    }
  }
}
