package io.jdit.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.ToLongFunction;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Finds a diffusers pipeline in the Hugging Face cache and downloads what is missing of it. Obeys
 * the variables HF_HUB_CACHE, HF_HOME, HF_ENDPOINT, HF_TOKEN, HF_HUB_OFFLINE,
 * HF_HUB_DOWNLOAD_TIMEOUT, HTTPS_PROXY and NO_PROXY.
 */
public final class HubDownloader {
  private static final int PARALLEL = 4;
  private static final int SECONDS_TO_STOP = 5;
  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");

  private final HubCache cache;
  private final Map<String, String> environment;
  private final boolean offline;
  private final DownloadProgress progress;
  private final Retry retry;
  private final ToLongFunction<Path> freeBytes;

  /**
   * @param environment variables of the process, usually {@link System#getenv()}
   * @param offline forbids every use of the network, like HF_HUB_OFFLINE=1
   */
  public HubDownloader(
      Map<String, String> environment, boolean offline, DownloadProgress progress) {
    this(
        environment,
        offline,
        progress,
        new Retry(Duration.ofSeconds(1), 5),
        HubDownloader::freeBytes);
  }

  HubDownloader(
      Map<String, String> environment,
      boolean offline,
      DownloadProgress progress,
      Retry retry,
      ToLongFunction<Path> freeBytes) {
    this.cache = HubCache.of(environment);
    this.environment = Map.copyOf(environment);
    this.offline =
        offline
            || TRUE.contains(
                environment.getOrDefault("HF_HUB_OFFLINE", "").toUpperCase(Locale.ROOT));
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
        snapshot.map(PipelineFiles::missing).orElse(List.of(PipelineFiles.INDEX));
    if (missing.isEmpty()) {
      return snapshot.orElseThrow();
    }
    if (offline) {
      throw new HubException(
          id
              + " is not complete in the cache "
              + cache.root()
              + " (missing: "
              + String.join(", ", missing)
              + ") and downloads are off; run once without --offline and HF_HUB_OFFLINE, or give a local folder");
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
   * A file of the repository: size in bytes, -1 if unknown, and the name of its blob, empty if
   * unknown.
   */
  private record RemoteFile(long size, String etag) {}

  private record Listing(String commit, Map<String, RemoteFile> files) {}

  private Path download(HubId id) throws InterruptedException {
    HubClient client = new HubClient(environment);
    Listing listing =
        retry.call("asking " + client.endpoint() + " for " + id, () -> listing(client, id));
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
      List<String> files = PipelineFiles.select(listing.files().keySet(), components);
      checkSpace(id, listing, files);
      downloadAll(client, watchdog, id, listing.commit(), files);
      List<String> missing = PipelineFiles.missing(snapshot);
      if (!missing.isEmpty()) {
        throw new HubException(
            id + " at " + client.endpoint() + " is incomplete: no " + String.join(", ", missing));
      }
      cache.writeRef(id, listing.commit());
      return snapshot;
    } finally {
      watchdog.shutdownNow();
    }
  }

  private Listing listing(HubClient client, HubId id) throws IOException, InterruptedException {
    JsonNode body;
    try (InputStream in = client.revision(id).body()) {
      body = JsonMapper.shared().readTree(in.readAllBytes());
    } catch (JacksonException e) {
      throw new IOException("the description of " + id + " is not JSON");
    }
    String commit = body.path("sha").asString("");
    if (!commit.matches("[0-9a-f]{40}")) {
      throw new HubException(
          client.endpoint()
              + " describes "
              + id
              + " with the commit \""
              + commit
              + "\", expected 40 hex digits");
    }
    Map<String, RemoteFile> files = new LinkedHashMap<>();
    for (JsonNode sibling : body.path("siblings")) {
      String name = sibling.path("rfilename").asString("");
      if (isInside(name)) {
        JsonNode lfs = sibling.path("lfs");
        String etag = lfs.path("sha256").asString(sibling.path("blobId").asString(""));
        files.put(name, new RemoteFile(sibling.path("size").asLong(-1), etag));
      }
    }
    return new Listing(commit, files);
  }

  /** Whether a file name stays inside the snapshot folder. */
  private static boolean isInside(String name) {
    Path path = Path.of(name.isEmpty() ? ".." : name);
    return !path.isAbsolute() && path.normalize().equals(path) && !path.startsWith("..");
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

  private void checkSpace(HubId id, Listing listing, List<String> files) {
    long needed = 0;
    List<String> seen = new ArrayList<>();
    for (String file : files) {
      RemoteFile remote = listing.files().get(file);
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
