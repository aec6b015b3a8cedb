package io.jdit.engine.batch;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * Hands out the tasks of a batch, each to one process at a time. Every task that was taken is ended
 * by {@link #finished} or {@link #failed}, or goes back when the queue is closed. For one thread.
 */
public interface BatchQueue extends AutoCloseable {
  /**
   * The next task; empty when every one is done or failed. Waits while all that is left is in the
   * hands of other processes, and takes over from one that died.
   *
   * @throws InterruptedException when the thread is interrupted while it waits
   */
  Optional<BatchTask> take() throws IOException, InterruptedException;

  /** The task's pictures are complete on disk: records them, one entry for each. */
  void finished(BatchTask task, List<ManifestEntry> pictures) throws IOException;

  /** The task cannot be done; this batch does not try it again. */
  void failed(BatchTask task, String reason) throws IOException;

  BatchCount count();

  @Override
  void close() throws IOException;
}
