package io.jdit.cli;

/**
 * Ctrl-C and SIGTERM: the working thread is interrupted, ends at the next denoising step, removes
 * what it has begun to write, and the process waits for that.
 */
final class Interruption {
  private static final long MILLISECONDS_TO_STOP = 10_000;

  private final Thread hook;

  private Interruption(Thread hook) {
    this.hook = hook;
  }

  static Interruption install(Terminal terminal) {
    Thread worker = Thread.currentThread();
    Thread hook =
        new Thread(
            () -> {
              terminal.err().println("jdit: cancelled, cleaning up");
              worker.interrupt();
              try {
                worker.join(MILLISECONDS_TO_STOP);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "jdit-interruption");
    Runtime.getRuntime().addShutdownHook(hook);
    return new Interruption(hook);
  }

  /** The work is over. False when the process is ending already. */
  void remove() {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException e) {
      // The hook is running: this thread only has to end.
    }
  }
}
