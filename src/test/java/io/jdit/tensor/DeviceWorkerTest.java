package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;

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
}
