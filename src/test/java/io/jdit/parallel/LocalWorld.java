package io.jdit.parallel;

import io.jdit.tensor.TensorScope;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.function.Function;

/** Ranks as threads of the test: Gloo over the loopback interface. */
final class LocalWorld {
  static final Duration TIMEOUT = Duration.ofSeconds(60);

  private LocalWorld() {}

  /** Runs {@code body} on every rank and returns the results in rank order. */
  static <T> List<T> call(int size, Function<ProcessGroup, T> body) {
    ExecutorService threads = Executors.newFixedThreadPool(size);
    try (Rendezvous server = Rendezvous.serve("127.0.0.1", 0, TIMEOUT)) {
      List<Future<T>> futures = new ArrayList<>();
      for (int r = 0; r < size; r++) {
        int rank = r;
        futures.add(
            threads.submit(
                () -> {
                  try (Rendezvous own = Rendezvous.join("127.0.0.1", server.port(), TIMEOUT);
                      ProcessGroup group = join(own, rank, size, TIMEOUT);
                      TensorScope scope = TensorScope.open()) {
                    return body.apply(group);
                  }
                }));
      }
      List<T> results = new ArrayList<>();
      for (Future<T> f : futures) {
        results.add(f.get());
      }
      return results;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Error error) {
        throw error;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    } finally {
      threads.shutdownNow();
    }
  }

  /** The group of ranks that meet at {@code rendezvous}. */
  static ProcessGroup join(Rendezvous rendezvous, int rank, int size, Duration timeout) {
    rendezvous.assemble(rank, size, TIMEOUT);
    return new C10dGroup("world", rank, size, rendezvous, false, timeout);
  }

  static void run(int size, Consumer<ProcessGroup> body) {
    call(
        size,
        group -> {
          body.accept(group);
          return null;
        });
  }
}
