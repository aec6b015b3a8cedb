package io.jdit.pipeline.batch;

import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** A batch that one process runs alone, in order and from the start. */
public final class LocalQueue implements BatchQueue {
  private final Pending pending;
  private final Manifest manifest;

  public LocalQueue(List<BatchTask> tasks, Manifest manifest) {
    this.pending = new Pending(tasks);
    this.manifest = manifest;
  }

  @Override
  public Optional<BatchTask> take() {
    return pending.tasks().stream().findFirst();
  }

  @Override
  public void finished(BatchTask task, List<ManifestEntry> pictures) throws IOException {
    manifest.append(pictures);
    pending.done(task);
  }

  @Override
  public void failed(BatchTask task, String reason) {
    pending.failed(task);
  }

  @Override
  public BatchCount count() {
    return pending.count();
  }

  @Override
  public void close() {
    // Nothing is held outside of this process.
  }
}
