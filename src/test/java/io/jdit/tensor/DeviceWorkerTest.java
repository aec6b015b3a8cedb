package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.RepeatedTest;

class DeviceWorkerTest {
  @RepeatedTest(200)
  void anInterruptAheadOfTheTaskIsHeardByIt() throws Exception {
    try (DeviceWorker worker = new DeviceWorker("test", Device.CPU, 0)) {
      Thread.currentThread().interrupt();
      boolean heard =
          worker.call(
              () -> {
                long end = System.nanoTime() + 5_000_000_000L;
                while (!Thread.currentThread().isInterrupted() && System.nanoTime() < end) {
                  Thread.onSpinWait();
                }
                return Thread.interrupted();
              });
      assertThat(heard).isTrue();
      assertThat(Thread.interrupted()).isTrue();
    }
  }

  /** A caller that is interrupted while it waits for its turn must not end another one's work. */
  @RepeatedTest(20)
  void anInterruptOfAWaitingCallerIsNotHeardByOthers() throws Exception {
    try (DeviceWorker worker = new DeviceWorker("test", Device.CPU, 0)) {
      CountDownLatch running = new CountDownLatch(1);
      CountDownLatch go = new CountDownLatch(1);
      AtomicBoolean firstInterrupted = new AtomicBoolean();
      AtomicBoolean secondInterrupted = new AtomicBoolean();
      Thread first =
          new Thread(
              () ->
                  run(
                      worker,
                      () -> {
                        running.countDown();
                        while (!go.await(1, TimeUnit.MILLISECONDS)) {
                          firstInterrupted.compareAndSet(false, Thread.interrupted());
                        }
                        return null;
                      },
                      firstInterrupted));
      Thread second =
          new Thread(
              () ->
                  run(
                      worker,
                      () -> {
                        secondInterrupted.set(Thread.interrupted());
                        return null;
                      },
                      secondInterrupted));
      first.start();
      running.await();
      second.start();
      while (second.getState() != Thread.State.WAITING) {
        Thread.onSpinWait();
      }
      second.interrupt();
      while (second.isInterrupted() || second.getState() != Thread.State.WAITING) {
        Thread.onSpinWait(); // until it has heard of it and waits again
      }
      go.countDown();
      first.join();
      second.join();
      assertThat(firstInterrupted).isFalse();
      assertThat(secondInterrupted).isTrue();
    }
  }

  private static void run(DeviceWorker worker, Callable<Void> work, AtomicBoolean interrupted) {
    try {
      worker.call(work);
    } catch (InterruptedException e) {
      interrupted.set(true);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
