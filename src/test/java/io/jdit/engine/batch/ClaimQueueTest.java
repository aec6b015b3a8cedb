package io.jdit.engine.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.engine.batch.ClaimFolder.Claim;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

class ClaimQueueTest {
  private static final String ABC =
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

  @TempDir private Path folder;

  @Test
  void aClaimIsHeldUntilItsOwnerLeaves() throws IOException {
    try (ClaimFolder b = ClaimFolder.join(folder)) {
      try (ClaimFolder a = ClaimFolder.join(folder)) {
        assertThat(a.claim("x.png")).isEqualTo(Claim.MINE);
        assertThat(a.claim("x.png")).isEqualTo(Claim.MINE);
        assertThat(b.claim("x.png")).isEqualTo(Claim.HELD);
        assertThat(b.claim("y.png")).isEqualTo(Claim.MINE);
        assertThat(a.alone()).isFalse();
      }
      assertThat(b.claim("x.png")).isEqualTo(Claim.MINE);
      assertThat(b.alone()).isTrue();
    }
  }

  @Test
  void aFolderThatIsRemovedEndsTheWait() throws IOException {
    try (ClaimFolder claims = ClaimFolder.join(folder.resolve("claims"))) {
      claims.requireExists();
      try (var files = java.nio.file.Files.walk(folder.resolve("claims"))) {
        for (Path f : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
          java.nio.file.Files.delete(f);
        }
      }
      assertThatThrownBy(claims::requireExists).hasMessageContaining("were removed while it ran");
    }
  }

  @Test
  void claimsOfDeadProcessesAreTakenOver() throws Exception {
    Process process = new ProcessBuilder("sleep", "60").start();
    WorkerIdentity here = WorkerIdentity.current();
    long started = process.info().startInstant().orElseThrow().toEpochMilli();
    worker(new WorkerIdentity("living", here.machine(), process.pid(), started));
    worker(new WorkerIdentity("reused", here.machine(), process.pid(), started - 60_000));
    worker(new WorkerIdentity("beating", "another machine", 1, 0));
    Path silent = worker(new WorkerIdentity("silent", "another machine", 1, 0));
    Files.setLastModifiedTime(
        silent, FileTime.from(Instant.now().minusSeconds(ClaimFolder.DEAD_AFTER_SECONDS + 5)));
    for (String owner : List.of("living", "reused", "beating", "silent", "gone")) {
      Files.writeString(folder.resolve(owner + ".png.1"), owner + "\n");
    }
    Files.writeString(folder.resolve("nameless.png.1"), "");
    try (ClaimFolder claims = ClaimFolder.join(folder)) {
      assertThat(claims.claim("living.png")).isEqualTo(Claim.HELD);
      assertThat(claims.claim("reused.png")).isEqualTo(Claim.MINE);
      assertThat(claims.claim("beating.png")).isEqualTo(Claim.HELD);
      assertThat(claims.claim("silent.png")).isEqualTo(Claim.MINE);
      assertThat(claims.claim("gone.png")).isEqualTo(Claim.MINE);
      assertThat(claims.claim("nameless.png")).isEqualTo(Claim.HELD);
      Files.setLastModifiedTime(
          folder.resolve("nameless.png.1"), FileTime.from(Instant.now().minusSeconds(30)));
      assertThat(claims.claim("nameless.png")).isEqualTo(Claim.MINE);
      process.destroyForcibly().waitFor();
      assertThat(claims.claim("living.png")).isEqualTo(Claim.MINE);
    }
  }

  @Test
  void aDeadOwnersClaimGoesToOneOfMany() throws Exception {
    Files.writeString(folder.resolve("x.png.1"), "gone\n");
    List<ClaimFolder> workers = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      workers.add(ClaimFolder.join(folder));
    }
    ExecutorService threads = Executors.newFixedThreadPool(workers.size());
    try {
      List<Callable<Claim>> calls = new ArrayList<>();
      workers.forEach(w -> calls.add(() -> w.claim("x.png")));
      List<Claim> claims = new ArrayList<>();
      for (Future<Claim> claim : threads.invokeAll(calls)) {
        claims.add(claim.get());
      }
      assertThat(Collections.frequency(claims, Claim.MINE)).isEqualTo(1);
      assertThat(Collections.frequency(claims, Claim.HELD)).isEqualTo(15);
    } finally {
      threads.shutdown();
      for (ClaimFolder worker : workers) {
        worker.close();
      }
    }
  }

  @Test
  void aFailureIsFinalForWhoeverHasJoinedAndTriedAgainLater() throws Exception {
    try (ClaimFolder b = ClaimFolder.join(folder)) {
      try (ClaimFolder a = ClaimFolder.join(folder)) {
        a.claim("x.png");
        a.fail("x.png", "too\nlarge");
      }
      assertThat(b.claim("x.png")).isEqualTo(Claim.FAILED);
    }
    Thread.sleep(20); // The times of files have some milliseconds' resolution.
    try (ClaimFolder later = ClaimFolder.join(folder)) {
      assertThat(later.claim("x.png")).isEqualTo(Claim.MINE);
    }
  }

  @Test
  void aFinishedBatchLeavesManifestAndPicturesOnly() throws Exception {
    List<BatchTask> tasks = List.of(ManifestTest.task("a.png", 1), ManifestTest.task("b.png", 1));
    Files.writeString(folder.resolve("a.png"), "abc");
    Manifest manifest = Manifest.open(folder);
    manifest.append(List.of(ManifestTest.entry(tasks.get(0), ABC)));
    try (BatchQueue queue = ClaimQueue.open(folder, tasks, Manifest.open(folder), () -> {})) {
      assertThat(queue.count()).isEqualTo(new BatchCount(2, 1, 0, 1));
      BatchTask task = queue.take().orElseThrow();
      assertThat(task).isEqualTo(tasks.get(1));
      Files.writeString(folder.resolve("b.png"), "abc");
      queue.finished(task, List.of(ManifestTest.entry(task, ABC)));
      assertThat(queue.take()).isEmpty();
      assertThat(queue.count()).isEqualTo(new BatchCount(2, 2, 0, 1));
    }
    try (var files = Files.list(folder)) {
      assertThat(files.map(f -> f.getFileName().toString()).sorted())
          .containsExactly("a.png", "b.png", "manifest.jsonl");
    }
  }

  @Test
  @Timeout(20)
  void aFolderOfFramesIsClaimed() throws Exception {
    List<BatchTask> tasks = List.of(ManifestTest.task("clip/", 1));
    try (BatchQueue queue = ClaimQueue.open(folder, tasks, Manifest.open(folder), () -> {})) {
      assertThat(queue.take()).contains(tasks.get(0));
    }
  }

  @Test
  void waitsForOthersAndStopsWhenInterrupted() throws Exception {
    List<BatchTask> tasks = List.of(ManifestTest.task("a.png", 1));
    try (BatchQueue a = ClaimQueue.open(folder, tasks, Manifest.open(folder), () -> {});
        BatchQueue b = ClaimQueue.open(folder, tasks, Manifest.open(folder), () -> {})) {
      BatchTask task = a.take().orElseThrow();
      Thread.currentThread().interrupt();
      assertThatThrownBy(b::take)
          .isInstanceOfAny(
              InterruptedException.class, java.nio.channels.ClosedByInterruptException.class);
      Thread.interrupted();
      Files.writeString(folder.resolve("a.png"), "abc");
      a.finished(task, List.of(ManifestTest.entry(task, ABC)));
      assertThat(b.take()).isEmpty();
      assertThat(b.count()).isEqualTo(new BatchCount(1, 1, 0, 0));
    }
  }

  private Path worker(WorkerIdentity identity) throws IOException {
    return Files.writeString(
        folder.resolve("worker-" + identity.id()),
        JsonMapper.shared().writeValueAsString(identity));
  }
}
