package io.jdit.engine;

import io.jdit.engine.batch.BatchCount;
import io.jdit.engine.batch.BatchQueue;
import io.jdit.engine.batch.BatchTask;
import io.jdit.engine.batch.ManifestEntry;
import io.jdit.parallel.ProcessGroup;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * One batch for the ranks of a replica, which work on a picture together: the first rank takes
 * tasks from the queue that all replicas share, and tells the others their numbers. Every rank has
 * the same list of tasks.
 */
final class ReplicaQueue implements BatchQueue {
  private static final int LEADER = 0;
  private static final long END = -1;

  /** Sent while the leader waits, so that the wait does not look like a rank that hangs. */
  private static final long STAY = -2;

  private final List<BatchTask> tasks;
  private final ProcessGroup replica;
  private final BatchQueue shared; // null on ranks that follow

  private ReplicaQueue(List<BatchTask> tasks, ProcessGroup replica, BatchQueue shared) {
    this.tasks = tasks;
    this.replica = replica;
    this.shared = shared;
  }

  /**
   * The queue of the first rank, which owns {@code shared}; {@link #stay} has to be called while
   * {@code shared} waits.
   */
  static BatchQueue leader(List<BatchTask> tasks, ProcessGroup replica, BatchQueue shared) {
    return new ReplicaQueue(tasks, replica, shared);
  }

  static BatchQueue follower(List<BatchTask> tasks, ProcessGroup replica) {
    return new ReplicaQueue(tasks, replica, null);
  }

  /** Keeps the ranks that follow the caller waiting. */
  static void stay(ProcessGroup replica) {
    replica.broadcast(STAY, LEADER);
  }

  @Override
  public Optional<BatchTask> take() throws IOException, InterruptedException {
    if (shared != null) {
      Optional<BatchTask> task = shared.take();
      replica.broadcast(task.isPresent() ? tasks.indexOf(task.get()) : END, LEADER);
      return task;
    }
    long number = STAY;
    while (number == STAY) {
      number = replica.broadcast(0, LEADER);
    }
    return number == END ? Optional.empty() : Optional.of(tasks.get(Math.toIntExact(number)));
  }

  @Override
  public void finished(BatchTask task, List<ManifestEntry> pictures) throws IOException {
    if (shared != null) {
      shared.finished(task, pictures);
    }
  }

  @Override
  public void failed(BatchTask task, String reason) throws IOException {
    if (shared != null) {
      shared.failed(task, reason);
    }
  }

  @Override
  public BatchCount count() {
    return shared != null ? shared.count() : new BatchCount(0, 0, 0, 0);
  }

  @Override
  public void close() throws IOException {
    if (shared != null) {
      shared.close();
    }
  }
}
