package io.jdit.tensor;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
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
   * Runs {@code work} on the worker and waits for it. Called on the worker itself it runs at once.
   * An interrupt of the caller is passed on to its own work, as soon as that runs; it ends at its
   * next check, and is waited for.
   */
  public <T> T call(Callable<T> work) throws Exception {
    if (Thread.currentThread() == thread[0]) {
      return work.call();
    }
    Task<T> task = new Task<>(work);
    Future<T> future = executor.submit(task);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return future.get();
        } catch (InterruptedException e) {
          interrupted = true;
          task.interrupt();
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

  /** Work that hears of an interrupt while it runs, and nobody else's. */
  private static final class Task<T> implements Callable<T> {
    private final Callable<T> work;
    private Thread runner; // null before and after
    private boolean interrupted;

    Task(Callable<T> work) {
      this.work = work;
    }

    @Override
    public T call() throws Exception {
      synchronized (this) {
        runner = Thread.currentThread();
        if (interrupted) { // while it waited; the executor clears what comes ahead of a task
          runner.interrupt();
        }
      }
      try {
        return work.call();
      } finally {
        synchronized (this) {
          runner = null;
          Thread.interrupted(); // one that came too late is not the next task's
        }
      }
    }

    synchronized void interrupt() {
      interrupted = true;
      if (runner != null) {
        runner.interrupt();
      }
    }
  }

  @Override
  public void close() {
    executor.shutdown();
  }
}
