package io.jdit.engine.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.config.Values;
import io.jdit.pipeline.OutOfMemoryException;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** How requests share a device, over a runner that counts steps. */
class SchedulerTest {
  private static final Batching CONTINUOUS = new Batching(Batching.Mode.CONTINUOUS, 4, 0);

  private final List<FakeRunner> runners = Collections.synchronizedList(new ArrayList<>());
  private final List<String> events = Collections.synchronizedList(new ArrayList<>());
  private volatile int millisPerStep = 1;
  private Scheduler scheduler;
  private int ids;

  private void start(Batching batching, int queue, ServedModel... models) {
    List<ServedModel> all = models.length > 0 ? List.of(models) : List.of(model("m", this::runner));
    SchedulerListener listener =
        new SchedulerListener() {
          @Override
          public void ended(Task task) {
            events.add(task.id() + " " + task.state().text());
          }

          @Override
          public void lost(String model, String reason) {
            events.add("lost " + model);
          }
        };
    scheduler =
        new Scheduler(new ServedModels(all, Throwable::getMessage), batching, queue, listener);
  }

  private FakeRunner runner() {
    FakeRunner runner = new FakeRunner();
    runner.millisPerStep = millisPerStep;
    runners.add(runner);
    return runner;
  }

  private static ServedModel model(String name, Supplier<StepRunner> loader) {
    return new ServedModel(name, name, null, alone -> loader.get());
  }

  @AfterEach
  void stop() {
    scheduler.close();
    runners.forEach(r -> assertThat(r.held).isEmpty());
  }

  private Task submit(String prompt, int steps) {
    return submit("m", prompt, steps, 0);
  }

  private Task submit(String model, String prompt, int steps, int previews) {
    Values values =
        Values.of(RequestKeys.PROMPT, prompt).with(RequestKeys.NUM_INFERENCE_STEPS, steps);
    String id = "t" + ids++;
    return scheduler.submit(
        new Task.Order(
            id,
            model,
            "image",
            values,
            new Request(values, List.of()),
            List.of(),
            null,
            null,
            new Target(Path.of("."), id, "png", null),
            previews,
            steps));
  }

  private static void await(Task... tasks) throws Exception {
    for (Task task : tasks) {
      task.whenEnded().get(20, TimeUnit.SECONDS);
    }
  }

  /** Holds the scheduler until the returned action runs. */
  private Runnable pause() throws Exception {
    var gate = new CountDownLatch(1);
    var reached = new CountDownLatch(1);
    new Thread(
            () -> {
              try {
                scheduler.between(
                    () -> {
                      reached.countDown();
                      gate.await();
                      return null;
                    });
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
            })
        .start();
    reached.await();
    return gate::countDown;
  }

  @Test
  void requestsOfOneKindShareSteps() throws Exception {
    start(CONTINUOUS, 10);
    Runnable go = pause();
    Task a = submit("kind:x", 3);
    Task b = submit("kind:x", 5);
    Task c = submit("kind:y", 3);
    go.run();
    await(a, b, c);
    List<List<String>> steps = runners.get(0).steps;
    assertThat(steps).filteredOn(s -> s.contains("t0")).allMatch(s -> !s.contains("t2"));
    assertThat(steps).contains(List.of("t0", "t1"));
    assertThat(steps).filteredOn(s -> s.contains("t1")).hasSize(5);
    assertThat(a.finished().files()).containsExactly("t0.png");
    assertThat(a.progress()).isEqualTo(100);
  }

  @Test
  void requestsThatShareNothingTakeTurns() throws Exception {
    start(CONTINUOUS, 10);
    Runnable go = pause();
    Task a = submit("alone", 20);
    Task b = submit("alone", 20);
    go.run();
    await(a, b);
    List<List<String>> steps = runners.get(0).steps;
    assertThat(steps).allMatch(s -> s.size() == 1);
    int first = steps.lastIndexOf(List.of("t0"));
    int second = steps.lastIndexOf(List.of("t1"));
    assertThat(Math.abs(first - second)).isLessThan(6); // together, not one after the other
  }

  @Test
  void shortRequestsDoNotWaitForLongOnes() throws Exception {
    start(CONTINUOUS, 10);
    millisPerStep = 2;
    Task video = submit("alone", 400);
    while (video.place() == null || video.place().done() < 20) {
      Thread.sleep(5);
    }
    Task picture = submit("alone", 4);
    await(picture);
    assertThat(video.state()).isEqualTo(TaskState.IN_PROGRESS);
    assertThat(video.place().done()).isLessThan(200);
    scheduler.cancel(video);
    await(video);
  }

  @Test
  void oneAfterTheOther() throws Exception {
    start(new Batching(Batching.Mode.OFF, 4, 0), 10);
    Runnable go = pause();
    Task a = submit("kind:x", 5);
    Task b = submit("kind:x", 5);
    go.run();
    await(a, b);
    assertThat(runners.get(0).steps).allMatch(s -> s.size() == 1);
    assertThat(runners.get(0).steps.lastIndexOf(List.of("t0"))).isEqualTo(4);
  }

  @Test
  void dynamicBatchesBeginTogether() throws Exception {
    start(new Batching(Batching.Mode.DYNAMIC, 3, 200), 10);
    Task a = submit("kind:x", 30);
    Task b = submit("kind:x", 30);
    while (b.place() == null || b.place().done() == 0) {
      Thread.sleep(2);
    }
    Task late = submit("kind:x", 2);
    await(a, b, late);
    List<List<String>> steps = runners.get(0).steps;
    assertThat(steps.subList(0, 30)).allMatch(s -> s.equals(List.of("t0", "t1")));
    assertThat(steps.subList(30, 32)).allMatch(s -> s.equals(List.of("t2")));
  }

  @Test
  void aFailureIsOfItsRequestAlone() throws Exception {
    start(CONTINUOUS, 10);
    Runnable go = pause();
    Task bad = submit("bad", 3);
    Task nan = submit("nan", 3);
    Task broken = submit("broken", 3);
    Task good = submit("kind:x", 3);
    go.run();
    await(bad, nan, broken, good);
    assertThat(bad.error()).isEqualTo("this request is bad");
    assertThat(bad.ownFault()).isTrue();
    assertThat(nan.error()).isEqualTo("not finite");
    assertThat(broken.error()).isEqualTo("cannot be decoded");
    assertThat(broken.ownFault()).isFalse();
    assertThat(good.state()).isEqualTo(TaskState.COMPLETED);
  }

  @Test
  void cancelsWhatWaitsAtOnceAndWhatRunsAtItsNextStep() throws Exception {
    start(new Batching(Batching.Mode.OFF, 1, 0), 10);
    Task running = submit("alone", 100_000);
    Task waiting = submit("alone", 5);
    while (running.place() == null || running.place().done() < 3) {
      Thread.sleep(1);
    }
    scheduler.cancel(waiting);
    assertThat(waiting.state()).isEqualTo(TaskState.CANCELLED);
    scheduler.cancel(running);
    await(running);
    assertThat(running.state()).isEqualTo(TaskState.CANCELLED);
    assertThat(runners.get(0).held).isEmpty();
    scheduler.cancel(running); // once more: nothing happens
    assertThat(events).containsExactly("t1 cancelled", "t0 cancelled");
  }

  @Test
  void aFullQueueSaysWhenToComeBack() throws Exception {
    millisPerStep = 50;
    start(new Batching(Batching.Mode.OFF, 1, 0), 1);
    Task running = submit("alone", 200);
    while (running.place() == null || running.place().done() < 2) {
      Thread.sleep(5);
    }
    Task waiting = submit("alone", 200);
    assertThatThrownBy(() -> submit("alone", 1))
        .isInstanceOf(QueueFullException.class)
        .hasMessageContaining("1 requests are waiting")
        // Two requests of 10 s each: one ends every 10 s.
        .satisfies(e -> assertThat(((QueueFullException) e).retrySeconds()).isBetween(5L, 20L));
    scheduler.cancel(waiting);
    scheduler.cancel(running);
    await(running);
  }

  @Test
  void whatALostRunnerHeldHasFailedAndTheRestGoesOn() throws Exception {
    start(new Batching(Batching.Mode.CONTINUOUS, 2, 0), 10);
    Runnable go = pause();
    Task with = submit("alone", 50);
    Task deadly = submit("deadly", 5);
    Task after = submit("kind:x", 3);
    go.run();
    await(with, deadly, after);
    assertThat(deadly.error()).isEqualTo("rank 1 is gone");
    assertThat(with.error()).isEqualTo("rank 1 is gone");
    assertThat(after.state()).isEqualTo(TaskState.COMPLETED);
    assertThat(runners).hasSize(2);
    assertThat(runners.get(0).closed).isTrue();
    assertThat(events).contains("lost m");
  }

  @Test
  void previewsComeAtEvenDistances() throws Exception {
    start(CONTINUOUS, 10);
    List<Integer> shown = Collections.synchronizedList(new ArrayList<>());
    Consumer<TaskEvent> listener =
        e -> {
          if (e instanceof TaskEvent.Preview p) {
            shown.add((int) p.png()[0]);
          }
        };
    Runnable go = pause();
    Task task = submit("m", "alone", 12, 3);
    task.listen(listener);
    go.run();
    await(task);
    assertThat(shown).containsExactly(3, 6, 9);
  }

  @Test
  void aModelMakesRoomForAnother() throws Exception {
    AtomicInteger loaded = new AtomicInteger();
    Supplier<StepRunner> small =
        () -> {
          if (loaded.get() > 0 && !runners.get(runners.size() - 1).closed) {
            throw new OutOfMemoryException("too large for what is free");
          }
          loaded.incrementAndGet();
          return runner();
        };
    start(CONTINUOUS, 10, model("a", small), model("b", small));
    Task a = submit("a", "alone", 2, 0);
    await(a);
    Task b = submit("b", "alone", 2, 0);
    await(b);
    assertThat(b.state()).isEqualTo(TaskState.COMPLETED);
    assertThat(runners.get(0).closed).isTrue();
    assertThat(runners.get(1).closed).isFalse();
  }

  /** As long as another model can go, nothing is offloaded. */
  @Test
  void aModelThatNobodyMakesRoomForIsOffloaded() throws Exception {
    List<Boolean> alone = Collections.synchronizedList(new ArrayList<>());
    ServedModel.Loader large =
        last -> {
          alone.add(last);
          if (!last) {
            throw new OutOfMemoryException("too large for what is free");
          }
          return runner();
        };
    start(CONTINUOUS, 10, model("a", this::runner), new ServedModel("b", "b", null, large));
    await(submit("a", "alone", 2, 0));
    Task b = submit("b", "alone", 2, 0);
    await(b);
    assertThat(b.state()).isEqualTo(TaskState.COMPLETED);
    assertThat(alone).containsExactly(false, true);
    assertThat(runners.get(0).closed).isTrue();
  }

  @Test
  void aShutdownEndsEveryRequest() throws Exception {
    millisPerStep = 20;
    start(new Batching(Batching.Mode.OFF, 1, 0), 10);
    Task quick = submit("alone", 3);
    Task slow = submit("alone", 1000);
    Task waiting = submit("alone", 3);
    scheduler.drain(500);
    assertThatThrownBy(() -> submit("alone", 1)).hasMessageContaining("shutting down");
    scheduler.close();
    await(quick, slow, waiting);
    assertThat(quick.state()).isEqualTo(TaskState.COMPLETED);
    assertThat(List.of(slow.error(), waiting.error())).containsOnly("the server was shut down");
    assertThat(runners.get(0).closed).isTrue();
  }
}
