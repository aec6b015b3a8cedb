package io.jdit.engine.batch;

/**
 * How far a batch is, in pictures, those of other processes included.
 *
 * @param skipped of the done ones, those that were done when the batch was opened
 */
public record BatchCount(int total, int done, int failed, int skipped) {
  public int left() {
    return total - done - failed;
  }
}
