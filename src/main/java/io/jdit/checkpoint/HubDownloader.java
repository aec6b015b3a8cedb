package io.jdit.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;

/**
 * Finds a diffusers pipeline in the Hugging Face cache and downloads what is missing of it. Obeys
 * the variables of {@link HubEnvironment}, {@link EnvironmentProxy} and {@link
 * TrustedCertificates}.
 */
public final class HubDownloader {
  private static final int PARALLEL = 4;
  private static final int SECONDS_TO_STOP = 5;

  private final HubCache cache;
  private final HubEnvironment environment;
  private final String offline; // what forbids the network, empty for nothing
  private final String variant;
  private final DownloadProgress progress;
  private final Retry retry;
  private final ToLongFunction<Path> freeBytes;

  /**
   * @param environment variables of the process, usually {@link System#getenv()}
   * @param offline forbids every use of the network, like HF_HUB_OFFLINE=1
   * @param variant of the weights where the repository has it, such as {@code fp16}; empty for none
   */
  public HubDownloader(
      Map<String, String> environment, boolean offline, String variant, DownloadProgress progress) {
    this(
        environment,
        offline,
        variant,
        progress,
        new Retry(Duration.ofSeconds(1), 5),
        HubDownloader::freeBytes);
  }

  HubDownloader(
      Map<String, String> environment,
      boolean offline,
      String variant,
      DownloadProgress progress,
      Retry retry,
      ToLongFunction<Path> freeBytes) {
    this.environment = new HubEnvironment(environment);
    this.cache = new HubCache(this.environment.cache());
    this.offline = offline ? "--offline" : this.environment.offlineSwitch().orElse("");
    this.variant = variant;
    this.progress = progress;
    this.retry = retry;
    this.freeBytes = freeBytes;
  }

  /**
   * The local folder of the pipeline, complete. A complete cached snapshot is used as it is,
   * without asking the hub.
   *
   * @throws HubException if the model cannot be had; says what to do
   */
  public Path fetch(HubId id) {
    Optional<Path> snapshot = cache.snapshot(id);
    List<String> missing =
        snapshot.map(folder -> missing(id, folder)).orElse(List.of(PipelineFiles.INDEX));
    if (missing.isEmpty()) {
      return snapshot.orElseThrow();
    }
    if (!offline.isEmpty()) {
      throw new HubException(
          id
              + " is not complete in the cache "
              + cache.root()
              + " (missing: "
              + String.join(", ", missing)
              + ") and downloads are off; run once without "
              + offline
              + ", or give a local folder");
    }
    try {
      return download(id);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new HubException(
          "download of " + id + " was interrupted; it goes on where it stopped when run again");
    }
  }

  /**
   * What a snapshot lacks of what its commit has, as far as is known, and of what loading needs.
   */
  private List<String> missing(HubId id, Path snapshot) {
    List<String> listing = cache.listing(id, snapshot);
    Path index = snapshot.resolve(PipelineFiles.INDEX);
    if (listing.isEmpty() || !Files.isRegularFile(index)) {
      return MissingFiles.of(snapshot, variant);
    }
    Map<String, String> components = PipelineFiles.components(readString(index), index);
    return PipelineFiles.select(listing, components, variant).stream()
        .filter(file -> !Files.isRegularFile(snapshot.resolve(file)))
        .toList();
  }

  private Path download(HubId id) throws InterruptedException {
    HubClient client = new HubClient(environment);
    RepositoryListing listing =
        retry.call(
            "asking " + client.endpoint() + " for " + id, () -> RepositoryListing.read(client, id));
    if (!listing.files().containsKey(PipelineFiles.INDEX)) {
      throw new HubException(id + " is not a diffusers pipeline: it has no " + PipelineFiles.INDEX);
    }
    ScheduledExecutorService watchdog =
        Executors.newSingleThreadScheduledExecutor(daemon("hub-watchdog"));
    try {
      Path snapshot = cache.folder(id).resolve("snapshots").resolve(listing.commit());
      Path index = snapshot.resolve(PipelineFiles.INDEX);
      blob(client, watchdog, id, listing.commit(), PipelineFiles.INDEX).into(cache);
      Map<String, String> components = PipelineFiles.components(readString(index), index);
      List<String> files = PipelineFiles.select(listing.files().keySet(), components, variant);
      requireComplete(id, client, MissingFiles.of(files, components, variant));
      checkSpace(id, listing, files);
      downloadAll(client, watchdog, id, listing.commit(), files);
      requireComplete(id, client, MissingFiles.of(snapshot, variant));
      cache.writeListing(id, listing.commit(), listing.files().keySet());
      cache.writeRef(id, listing.commit());
      return snapshot;
    } finally {
      watchdog.shutdownNow();
    }
  }

  private static void requireComplete(HubId id, HubClient client, List<String> missing) {
    if (!missing.isEmpty()) {
      throw new HubException(
          id + " at " + client.endpoint() + " is incomplete: no " + String.join(", ", missing));
    }
  }

  private void downloadAll(
      HubClient client,
      ScheduledExecutorService watchdog,
      HubId id,
      String commit,
      List<String> files)
      throws InterruptedException {
    ExecutorService threads = Executors.newFixedThreadPool(PARALLEL, daemon("hub-download"));
    ExecutorCompletionService<Void> running = new ExecutorCompletionService<>(threads);
    List<BlobDownload> downloads =
        files.stream()
            .filter(file -> !file.equals(PipelineFiles.INDEX))
            .map(file -> blob(client, watchdog, id, commit, file))
            .toList();
    try {
      for (BlobDownload download : downloads) {
        running.submit(
            () -> {
              download.into(cache);
              return null;
            });
      }
      for (int done = 0; done < downloads.size(); done++) {
        running.take().get();
      }
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException known
          ? known
          : new HubException("download of " + id + " failed: " + e.getCause());
    } finally {
      threads.shutdownNow();
      downloads.forEach(BlobDownload::cancel);
      // Nothing may write into the cache after the caller has heard of a failure.
      threads.awaitTermination(SECONDS_TO_STOP, TimeUnit.SECONDS);
    }
  }

  private BlobDownload blob(
      HubClient client, ScheduledExecutorService watchdog, HubId id, String commit, String file) {
    return new BlobDownload(client, retry, watchdog, progress, id, commit, file);
  }

  private void checkSpace(HubId id, RepositoryListing listing, List<String> files) {
    long needed = 0;
    List<String> seen = new ArrayList<>();
    for (String file : files) {
      RepositoryListing.File remote = listing.files().get(file);
      if (remote.etag().matches("[0-9a-f]+") && !seen.contains(remote.etag())) {
        seen.add(remote.etag());
        Path blob = cache.blob(id, remote.etag());
        long present =
            Math.max(size(blob), size(blob.resolveSibling(remote.etag() + ".incomplete")));
        needed += Math.max(0, remote.size() - present);
      }
    }
    long free = freeBytes.applyAsLong(cache.root());
    if (needed > free) {
      throw new HubException(
          String.format(
              Locale.ROOT,
              "%s needs %.1f GB more in %s, where %.1f GB are free; make room or set HF_HUB_CACHE to another disk",
              id,
              needed / 1e9,
              cache.root(),
              free / 1e9));
    }
  }

  private static long freeBytes(Path folder) {
    Path existing = folder.toAbsolutePath();
    while (!Files.exists(existing)) {
      existing = existing.getParent();
    }
    try {
      return Files.getFileStore(existing).getUsableSpace();
    } catch (IOException e) {
      return Long.MAX_VALUE;
    }
  }

  private static long size(Path file) {
    try {
      return Files.isRegularFile(file) ? Files.size(file) : 0;
    } catch (IOException e) {
      return 0;
    }
  }

  private static String readString(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new HubException(file + ": cannot be read: " + e);
    }
  }

  private static ThreadFactory daemon(String name) {
    return task -> {
      Thread thread = new Thread(task, name);
      thread.setDaemon(true);
      return thread;
    };
  }
}
