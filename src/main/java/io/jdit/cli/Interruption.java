package io.jdit.cli;

import io.jdit.engine.BatchRun;
import java.lang.reflect.Proxy;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Ctrl-C and SIGTERM: the working thread is interrupted, ends at the next denoising step, removes
 * what it has begun to write, and the process waits for that.
 */
final class Interruption implements BatchRun.Interruptions {
  private static final long SECONDS_TO_STOP = 10;

  private final Terminal terminal;
  private final Thread worker = Thread.currentThread();
  private final CountDownLatch done = new CountDownLatch(1);
  private final ReentrantLock saving = new ReentrantLock();
  private final boolean resumable;
  private final boolean speaks;
  private final CountDownLatch requested = new CountDownLatch(1);
  private final Thread hook = new Thread(this::stop, "jdit-interruption");

  private Interruption(Terminal terminal, boolean resumable, boolean speaks) {
    this.terminal = terminal;
    this.resumable = resumable;
    this.speaks = speaks;
  }

  /**
   * The exit code is the JVM's: 128 and the number of the signal.
   *
   * @param speaks whether this process says it: one of several ranks does
   */
  static Interruption install(Terminal terminal, boolean speaks) {
    Interruption interruption = new Interruption(terminal, false, speaks);
    Runtime.getRuntime().addShutdownHook(interruption.hook);
    return interruption;
  }

  /**
   * SIGUSR1 too, which batch systems send ahead of a time limit; exits with {@link
   * ExitCode#RESUME}.
   */
  static Interruption resumable(Terminal terminal, boolean speaks) {
    Interruption interruption = new Interruption(terminal, true, speaks);
    Runtime.getRuntime().addShutdownHook(interruption.hook);
    onUserSignal(() -> new Thread(() -> System.exit(ExitCode.RESUME), "jdit-user-signal").start());
    return interruption;
  }

  /** Runs {@code work} to its end before an interruption is heard. */
  @Override
  public <T> T shield(Callable<T> work) throws Exception {
    saving.lock();
    try {
      return work.call();
    } finally {
      saving.unlock();
    }
  }

  /**
   * Whether an interruption was asked for, or is within a second: a signal to all ranks reaches
   * some of them first, and the others find the connection closed.
   */
  @Override
  public boolean comes() {
    try {
      return requested.await(1, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      return true;
    }
  }

  /** The work is over, and what it left is cleaned up. */
  void remove() {
    done.countDown();
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The hook is running: this thread only has to end.
    }
  }

  private void stop() {
    requested.countDown();
    if (speaks) {
      terminal
          .err()
          .println(
              resumable
                  ? "jdit: stopping; run it again with --resume to go on"
                  : "jdit: cancelled, cleaning up");
    }
    try {
      if (saving.tryLock(SECONDS_TO_STOP, TimeUnit.SECONDS)) {
        try {
          worker.interrupt();
        } finally {
          saving.unlock();
        }
      }
      done.await(SECONDS_TO_STOP, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (resumable) {
      terminal.out().flush();
      terminal.err().flush();
      // The JVM would exit with the signal's code, whatever was asked for.
      Runtime.getRuntime().halt(ExitCode.RESUME);
    }
  }

  /**
   * By reflection: the compiler warns of {@code sun.misc.Signal} and lets nothing silence that, and
   * Java has no other access to signals. Without it the signal ends the process at once, which a
   * batch survives as well.
   */
  private static void onUserSignal(Runnable action) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object proxy =
          Proxy.newProxyInstance(
              Interruption.class.getClassLoader(),
              new Class<?>[] {handler},
              (self, method, args) -> {
                if (method.getName().equals("handle")) {
                  action.run();
                }
                return null;
              });
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance("USR1"), proxy);
    } catch (ReflectiveOperationException e) {
      // Not every JVM has it, and some keep this signal to themselves.
    }
  }
}
