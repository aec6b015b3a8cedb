package io.jdit.engine.batch;

import java.io.IOException;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The tasks that are neither done nor failed, in the order of the file, and the count. */
final class Pending {
  private final Set<BatchTask> tasks;
  private BatchCount count;

  Pending(List<BatchTask> all) {
    tasks = new LinkedHashSet<>(all);
    count = new BatchCount(all.stream().mapToInt(Pending::pictures).sum(), 0, 0, 0);
  }

  /** Drops what the manifest proves done. */
  void skipDone(Manifest manifest) throws IOException {
    for (Iterator<BatchTask> all = tasks.iterator(); all.hasNext(); ) {
      BatchTask task = all.next();
      if (task.done(manifest)) {
        all.remove();
        count = new BatchCount(count.total(), count.done() + pictures(task), count.failed(), 0);
      }
    }
    count = new BatchCount(count.total(), count.done(), count.failed(), count.done());
  }

  /** A copy, so that tasks can be ended while it is walked. */
  List<BatchTask> tasks() {
    return List.copyOf(tasks);
  }

  void done(BatchTask task) {
    if (tasks.remove(task)) {
      count =
          new BatchCount(
              count.total(), count.done() + pictures(task), count.failed(), count.skipped());
    }
  }

  void failed(BatchTask task) {
    if (tasks.remove(task)) {
      count =
          new BatchCount(
              count.total(), count.done(), count.failed() + pictures(task), count.skipped());
    }
  }

  BatchCount count() {
    return count;
  }

  private static int pictures(BatchTask task) {
    return task.item().fileNames().size();
  }
}
