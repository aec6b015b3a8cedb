package io.jdit.engine.batch;

import io.jdit.media.OutputNames;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A batch shared with every other process that runs it in the same folder, on this machine or on
 * others: what the manifest proves done is skipped, the rest is claimed task by task through a
 * {@link ClaimFolder}.
 */
public final class ClaimQueue implements BatchQueue {
  static final String FOLDER = ".claims";
  private static final long POLL_MILLIS = 250;

  private final Pending pending;
  private final List<BatchTask> all;
  private final Manifest manifest;
  private final ClaimFolder claims;
  private final Runnable waiting;

  private ClaimQueue(
      List<BatchTask> tasks, Manifest manifest, ClaimFolder claims, Runnable waiting) {
    this.all = List.copyOf(tasks);
    this.pending = new Pending(tasks);
    this.manifest = manifest;
    this.claims = claims;
    this.waiting = waiting;
  }

  /**
   * @param outputs folder of the pictures, where the claims are kept too
   * @param waiting called several times a second while {@link #take} waits for other processes
   */
  public static ClaimQueue open(
      Path outputs, List<BatchTask> tasks, Manifest manifest, Runnable waiting) throws IOException {
    ClaimFolder claims = ClaimFolder.join(outputs.resolve(FOLDER));
    try {
      ClaimQueue queue = new ClaimQueue(tasks, manifest, claims, waiting);
      queue.pending.skipDone(manifest);
      return queue;
    } catch (IOException | RuntimeException e) {
      claims.close();
      throw e;
    }
  }

  @Override
  public Optional<BatchTask> take() throws IOException, InterruptedException {
    while (true) {
      manifest.refresh();
      boolean othersWork = false;
      for (BatchTask task : pending.tasks()) {
        if (task.done(manifest)) {
          pending.done(task);
          continue;
        }
        switch (claims.claim(name(task))) {
          case FAILED -> pending.failed(task);
          case HELD -> othersWork = true;
          case MINE -> {
            // Its last owner may have finished it between our look at the manifest and the claim.
            manifest.refresh();
            if (!task.done(manifest)) {
              return Optional.of(task);
            }
            pending.done(task);
          }
        }
      }
      if (!othersWork) {
        return Optional.empty();
      }
      claims.requireExists();
      waiting.run();
      Thread.sleep(POLL_MILLIS);
    }
  }

  @Override
  public void finished(BatchTask task, List<ManifestEntry> pictures) throws IOException {
    // The claim stays: the manifest says from here on that there is nothing to claim.
    manifest.append(pictures);
    pending.done(task);
  }

  @Override
  public void failed(BatchTask task, String reason) throws IOException {
    claims.fail(name(task), reason);
    pending.failed(task);
  }

  @Override
  public BatchCount count() {
    return pending.count();
  }

  /** Gives back what is claimed; the last process to leave a finished batch clears the claims. */
  @Override
  public void close() throws IOException {
    if (pending.count().left() == 0 && claims.alone()) {
      claims.remove(all.stream().map(ClaimQueue::name).toList());
    }
    claims.close();
  }

  /** By picture, not by key: two batches that write the same file exclude each other too. */
  private static String name(BatchTask task) {
    String name = task.item().fileNames().get(0);
    return OutputNames.isFolder(name) ? name.substring(0, name.length() - 1) : name;
  }
}
