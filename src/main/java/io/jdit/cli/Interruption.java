package io.jdit.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Ctrl-C and SIGTERM: the working thread is interrupted, ends at the next denoising step, removes
 * what it has begun to write, and the process waits for that.
 */
final class Interruption {
  private static final long SECONDS_TO_STOP = 10;

  private final CountDownLatch done = new CountDownLatch(1);
  private Thread hook;

  private Interruption() {}

  static Interruption install(Terminal terminal) {
    Thread worker = Thread.currentThread();
    Interruption interruption = new Interruption();
    interruption.hook =
        new Thread(
            () -> {
              terminal.err().println("jdit: cancelled, cleaning up");
              worker.interrupt();
              try {
                interruption.done.await(SECONDS_TO_STOP, TimeUnit.SECONDS);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "jdit-interruption");
    Runtime.getRuntime().addShutdownHook(interruption.hook);
    return interruption;
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
}
