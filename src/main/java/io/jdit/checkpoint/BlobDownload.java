package io.jdit.checkpoint;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Fetches the contents of one file into {@code blobs/{etag}}: resumes {@code {etag}.incomplete},
 * verifies the checksum that the etag is, and moves the file into place only then.
 */
final class BlobDownload {
  private static final int BUFFER = 1 << 20;

  private final HubClient client;
  private final Retry retry;
  private final ScheduledExecutorService watchdog;
  private final DownloadProgress progress;
  private final HubId id;
  private final String commit;
  private final String file;

  private String etag;
  private long size;
  private long position;
  private MessageDigest digest;
  private volatile long lastRead;
  private volatile InputStream open;
  private volatile boolean stalled;
  private volatile boolean cancelled;

  BlobDownload(
      HubClient client,
      Retry retry,
      ScheduledExecutorService watchdog,
      DownloadProgress progress,
      HubId id,
      String commit,
      String file) {
    this.client = client;
    this.retry = retry;
    this.watchdog = watchdog;
    this.progress = progress;
    this.id = id;
    this.commit = commit;
    this.file = file;
  }

  /** Makes the file present in the cache's snapshot. */
  void into(HubCache cache) throws InterruptedException {
    retry.call("asking " + client.endpoint() + " for " + id + "/" + file, this::head);
    Path blob = cache.blob(id, etag);
    try {
      if (!Files.isRegularFile(blob)) {
        FileGuard guard = FileGuard.acquire(cache.lock(id, etag));
        try {
          // Another process may have brought it while this one waited.
          if (!Files.isRegularFile(blob)) {
            Files.createDirectories(blob.getParent());
            fetch(blob);
          }
        } finally {
          guard.close();
        }
      }
      cache.link(id, commit, file, etag);
    } catch (IOException e) {
      throw unwritable(blob, e);
    }
    progress.finished(file);
  }

  /**
   * Ends the download soon: a read of the HTTP client's stream swallows the interruption of its
   * thread.
   */
  void cancel() {
    cancelled = true;
    InputStream in = open;
    if (in != null) {
      closeQuietly(in);
    }
  }

  private Void head() throws IOException, InterruptedException {
    HttpResponse<InputStream> response = client.head(id, commit, file);
    response.body().close();
    HttpHeaders headers = response.headers();
    String tag =
        headers.firstValue("X-Linked-Etag").or(() -> headers.firstValue("ETag")).orElse("");
    etag = tag.replaceFirst("^W/", "").replace("\"", "");
    if (!etag.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,127}")) {
      throw new HubException(
          id + "/" + file + ": the hub gave the etag \"" + tag + "\", expected a file name");
    }
    boolean redirected = response.statusCode() / 100 == 3;
    size =
        headers
            .firstValueAsLong("X-Linked-Size")
            .orElse(redirected ? -1 : headers.firstValueAsLong("Content-Length").orElse(-1));
    return null;
  }

  private void fetch(Path blob) throws IOException, InterruptedException {
    Path partial = blob.resolveSibling(etag + ".incomplete");
    try (FileChannel out =
        FileChannel.open(
            partial,
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE)) {
      resume(out);
      progress.started(file, position, size);
      boolean resumed = position > 0;
      transfer(out);
      boolean verified = verified();
      if (!verified && resumed) {
        restart(out);
        transfer(out);
        verified = verified();
      }
      if (!verified) {
        Files.delete(partial);
        throw new HubException(
            id
                + "/"
                + file
                + ": checksum mismatch, expected "
                + etag
                + " over "
                + size
                + " bytes; the contents at "
                + client.endpoint()
                + " are damaged, try again later");
      }
      out.force(true);
    }
    Files.move(partial, blob, StandardCopyOption.ATOMIC_MOVE);
  }

  private void transfer(FileChannel out) throws InterruptedException {
    if (size >= 0 && position == size) {
      return;
    }
    retry.call(
        "downloading " + id + "/" + file + " from " + client.endpoint(),
        () -> {
          attempt(out);
          return null;
        },
        () -> position);
  }

  private void attempt(FileChannel out) throws IOException, InterruptedException {
    HttpResponse<InputStream> response = client.get(id, commit, file, position);
    try (InputStream in = response.body()) {
      open = in;
      stalled = false;
      if (position > 0 && !continues(response)) {
        restart(out);
        if (response.statusCode() != 200) {
          throw new IOException("HTTP " + response.statusCode() + " for the rest of the file");
        }
      }
      copy(in, out);
    } catch (IOException e) {
      checkEnd();
      throw e;
    }
    checkEnd();
    if (size >= 0 && position != size) {
      throw new EOFException("the connection ended after " + position + " of " + size + " bytes");
    }
  }

  /** A stream that was closed under its reader may end as if the file did. */
  private void checkEnd() throws IOException, InterruptedException {
    if (cancelled) {
      throw new InterruptedException("cancelled: " + file);
    }
    if (stalled) {
      throw new IOException("nothing came for " + client.timeout().toMillis() / 1000.0 + " s");
    }
  }

  /**
   * A server may send the whole file, or another part of it, instead of the part that was asked
   * for.
   */
  private boolean continues(HttpResponse<?> response) {
    String range = response.headers().firstValue("Content-Range").orElse("");
    return response.statusCode() == 206 && range.startsWith("bytes " + position + "-");
  }

  private void copy(InputStream in, FileChannel out) throws IOException, InterruptedException {
    byte[] buffer = new byte[BUFFER];
    long patience = client.timeout().toNanos();
    lastRead = System.nanoTime();
    ScheduledFuture<?> watch =
        watchdog.scheduleWithFixedDelay(
            () -> {
              if (System.nanoTime() - lastRead > patience) {
                stalled = true;
                closeQuietly(in);
              }
            },
            patience / 2,
            patience / 2,
            TimeUnit.NANOSECONDS);
    try {
      // Checked after the stream is known to cancel(), so that one of the two sees the other.
      for (int n = cancelled ? -1 : in.read(buffer); n >= 0; n = in.read(buffer)) {
        lastRead = System.nanoTime();
        write(out, ByteBuffer.wrap(buffer, 0, n));
        digest.update(buffer, 0, n);
        position += n;
        progress.advanced(file, position);
      }
    } finally {
      watch.cancel(false);
    }
  }

  /** Failing to write is no reason to ask the hub again: it leaves as a {@link HubException}. */
  private void write(FileChannel out, ByteBuffer bytes) throws InterruptedException {
    try {
      while (bytes.hasRemaining()) {
        out.write(bytes, position + bytes.position());
      }
    } catch (ClosedByInterruptException e) {
      throw new InterruptedException("interrupted: writing " + file);
    } catch (IOException e) {
      throw new HubException(
          id + "/" + file + ": cannot be written to the cache: " + e.getMessage());
    }
  }

  private void resume(FileChannel out) throws IOException {
    position = 0;
    digest = digest();
    long present = out.size();
    if (size >= 0 && present > size) {
      out.truncate(0);
      return;
    }
    ByteBuffer buffer = ByteBuffer.allocate(BUFFER);
    while (position < present) {
      int n = out.read(buffer.clear(), position);
      digest.update(buffer.flip());
      position += n;
    }
  }

  private void restart(FileChannel out) throws IOException {
    out.truncate(0);
    position = 0;
    digest = digest();
    progress.advanced(file, 0);
  }

  /** The etag is the SHA-256 of a large file, the git hash of a small one, or else says nothing. */
  private MessageDigest digest() {
    try {
      MessageDigest digest = MessageDigest.getInstance(etag.length() == 40 ? "SHA-1" : "SHA-256");
      if (etag.length() == 40) {
        digest.update(("blob " + size + "\0").getBytes(StandardCharsets.US_ASCII));
      }
      return digest;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private boolean verified() {
    boolean hash = etag.matches("[0-9a-f]{64}") || (size >= 0 && etag.matches("[0-9a-f]{40}"));
    return !hash || HexFormat.of().formatHex(digest.digest()).equals(etag);
  }

  private HubException unwritable(Path blob, IOException e) {
    return new HubException(blob + ": cannot be written: " + e);
  }

  private static void closeQuietly(InputStream in) {
    try {
      in.close();
    } catch (IOException e) {
      // Closing only wakes the read, which reports the failure itself.
    }
  }
}
