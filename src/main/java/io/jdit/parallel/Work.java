package io.jdit.parallel;

/** Communication under way. Its tensors must not be written, nor received ones read, before. */
@FunctionalInterface
public interface Work {
  /** Nothing to wait for. */
  Work DONE = () -> {};

  /**
   * Waits until it is done on this rank; on a GPU, until the current stream may use the result.
   *
   * @throws CollectiveException when another rank is gone or the timeout has passed
   */
  void await();

  /** Waits for all. */
  static void awaitAll(Work... works) {
    for (Work work : works) {
      work.await();
    }
  }
}
