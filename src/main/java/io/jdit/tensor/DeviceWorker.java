package io.jdit.tensor;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.bytedeco.pytorch.InferenceMode;

/**
 * The one thread that runs the work of a device. Inference mode, tensor scopes and OpenMP pools
 * belong to threads, so all work of a device goes through its worker.
 */
public final class DeviceWorker implements AutoCloseable {
  private final Thread[] thread = new Thread[1];
  private final ExecutorService executor;

  /**
   * @param device what the thread works on: kernels and streams are those of its current device
   * @param threads threads of one operator on the CPU; 0 keeps LibTorch's choice
   */
  public DeviceWorker(String name, Device device, int threads) {
    Torch.load();
    executor =
        Executors.newSingleThreadExecutor(
            task -> {
              Runnable loop =
                  () -> {
                    try (InferenceMode mode = new InferenceMode(true)) {
                      Torch.select(device);
                      if (threads > 0) {
                        Torch.setThreads(threads);
                      }
                      task.run();
                    }
                  };
              Thread t = new Thread(null, loop, name, 16L << 20);
              t.setDaemon(true);
              thread[0] = t;
              return t;
            });
  }

  /**
   * Runs {@code task} on the worker and waits for it. Called on the worker itself it runs at once.
   * An interrupt of the caller is passed on to the task, which ends at its next check, and is
   * waited for.
   */
  public <T> T call(Callable<T> task) throws Exception {
    if (Thread.currentThread() == thread[0]) {
      return task.call();
    }
    AtomicBoolean cancelled = new AtomicBoolean();
    Future<T> future =
        executor.submit(
            () -> {
              // The executor clears an interrupt that comes ahead of the task.
              if (cancelled.get()) {
                Thread.currentThread().interrupt();
              }
              return task.call();
            });
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
          cancelled.set(true);
          thread[0].interrupt();
        } catch (ExecutionException e) {
          if (e.getCause() instanceof Exception cause) {
            throw cause;
          }
          if (e.getCause() instanceof Error error) {
            throw error;
          }
          throw e;
        }
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() {
    executor.shutdown();
  }
}
