package io.jdit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class FileGuardTest {
  @TempDir Path temp;

  /** The other process: holds the lock until its input ends. */
  static final class Holder {
    public static void main(String[] arguments) throws IOException, InterruptedException {
      FileGuard guard = FileGuard.acquire(Path.of(arguments[0]));
      System.out.println("held");
      while (System.in.read() >= 0) {}
      guard.close();
    }
  }

  @Test
  void excludesAnotherProcess() throws Exception {
    Path lock = temp.resolve("locks/x.lock");
    Process holder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                "target/classes:target/test-classes",
                Holder.class.getName(),
                lock.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try {
      assertThat(holder.inputReader().readLine()).isEqualTo("held");
      CompletableFuture<Boolean> acquired = new CompletableFuture<>();
      Thread waiter =
          new Thread(
              () -> {
                try {
                  FileGuard guard = FileGuard.acquire(lock);
                  acquired.complete(true);
                  guard.close();
                } catch (IOException | InterruptedException e) {
                  acquired.completeExceptionally(e);
                }
              });
      waiter.start();
      waiter.join(300);
      assertThat(acquired).isNotDone();
      holder.destroyForcibly().waitFor();
      assertThat(acquired.get(5, TimeUnit.SECONDS)).isTrue();
    } finally {
      holder.destroyForcibly();
    }
  }

  @Test
  void waitingCanBeInterrupted() throws Exception {
    Path lock = temp.resolve("x.lock");
    FileGuard held = FileGuard.acquire(lock);
    CompletableFuture<Class<?>> end = new CompletableFuture<>();
    Thread waiter =
        new Thread(
            () -> {
              try {
                FileGuard.acquire(lock).close();
                end.complete(null);
              } catch (IOException | InterruptedException e) {
                end.complete(e.getClass());
              }
            });
    waiter.start();
    waiter.interrupt();
    assertThat(end.get(5, TimeUnit.SECONDS)).isEqualTo(InterruptedException.class);
    held.close();
    FileGuard.acquire(lock).close();
  }
}
