package io.jdit.engine.batch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.FileLockInterruptionException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * The record of finished pictures: {@code manifest.jsonl} beside them, one JSON object per line,
 * the last line of a path counts. A line is appended after its picture is complete on disk, and
 * forced to disk; it counts only while the file has the SHA-256 that it states. So a process may
 * die at any instant: a picture without a line, or a torn last line, is made again under the same
 * name.
 *
 * <p>Processes may append to one manifest: each append holds a lock of the file. Safe for use by
 * several threads.
 */
public final class Manifest {
  public static final String FILE_NAME = "manifest.jsonl";

  private static final JsonMapper JSON = JsonMapper.shared();

  private final Path file;
  private final Map<String, ManifestEntry> byPath = new HashMap<>();

  /**
   * Paths whose file was hashed and agreed, with the hash: hashing it once per process is enough.
   */
  private final Map<String, String> verified = new HashMap<>();

  private long position;
  private int damagedLines;

  private Manifest(Path file) {
    this.file = file;
  }

  /** Reads what is there; the file is made by the first append. */
  public static Manifest open(Path folder) throws IOException {
    return openAfter(folder, 0);
  }

  /**
   * Reads what is there behind the first {@code length} bytes: what they prove is not looked at.
   * They stay in the file.
   */
  public static Manifest openAfter(Path folder, long length) throws IOException {
    Manifest manifest = new Manifest(folder.resolve(FILE_NAME));
    manifest.position = length;
    manifest.refresh();
    return manifest;
  }

  /** Bytes of the manifest in {@code folder}; 0 without one. */
  public static long length(Path folder) throws IOException {
    Path file = folder.resolve(FILE_NAME);
    return Files.exists(file) ? Files.size(file) : 0;
  }

  /** Reads what other processes have appended since. */
  public synchronized void refresh() throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      read(channel);
    } catch (NoSuchFileException e) {
      // Nothing was finished yet.
    }
  }

  /** Lines that are no entry, such as one that a dying process left half written. */
  public synchronized int damagedLines() {
    return damagedLines;
  }

  /** Whether picture {@code path} is there, unchanged, and was made with {@code settings}. */
  public synchronized boolean proves(String path, JsonNode settings) throws IOException {
    ManifestEntry entry = byPath.get(path);
    if (entry == null || !settings.equals(entry.settings())) {
      return false;
    }
    if (entry.sha256().equals(verified.get(path))) {
      return true;
    }
    Path picture = file.resolveSibling(path);
    boolean same = Files.exists(picture) && sha256(picture).equals(entry.sha256());
    if (same) {
      verified.put(path, entry.sha256());
    }
    return same;
  }

  /**
   * Appends entries whose pictures are complete on disk and returns when the lines are too. An
   * entry that another process has appended meanwhile, for the same bytes and settings, is left
   * out.
   */
  public synchronized void append(List<ManifestEntry> entries) throws IOException {
    try (FileChannel channel =
            FileChannel.open(
                file,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE,
                StandardOpenOption.CREATE);
        FileLock lock = lock(channel)) {
      read(channel);
      ByteArrayOutputStream text = new ByteArrayOutputStream();
      if (endsTorn(channel)) {
        text.write('\n');
      }
      for (ManifestEntry entry : entries) {
        if (!same(entry, byPath.get(entry.path()))) {
          text.writeBytes(JSON.writeValueAsBytes(entry));
          text.write('\n');
        }
      }
      ByteBuffer bytes = ByteBuffer.wrap(text.toByteArray());
      long at = channel.size();
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
      channel.force(true);
      read(channel);
      for (ManifestEntry entry : entries) {
        verified.put(entry.path(), entry.sha256());
      }
    }
  }

  private FileLock lock(FileChannel channel) throws IOException {
    try {
      return channel.lock();
    } catch (ClosedByInterruptException | FileLockInterruptionException e) {
      throw e;
    } catch (IOException e) {
      throw new IOException(
          file
              + " cannot be locked ("
              + e.getMessage()
              + "): choose an --output-path on a file system with file locks",
          e);
    }
  }

  private static boolean same(ManifestEntry a, ManifestEntry b) {
    return b != null && a.sha256().equals(b.sha256()) && a.settings().equals(b.settings());
  }

  private static boolean endsTorn(FileChannel channel) throws IOException {
    if (channel.size() == 0) {
      return false;
    }
    ByteBuffer last = ByteBuffer.allocate(1);
    channel.read(last, channel.size() - 1);
    return last.get(0) != '\n';
  }

  /** Takes the whole lines from {@code position} on; what follows the last line end waits. */
  private void read(FileChannel channel) throws IOException {
    if (channel.size() < position) {
      byPath.clear();
      position = 0;
      damagedLines = 0;
    }
    ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(channel.size() - position));
    while (bytes.hasRemaining() && channel.read(bytes, position + bytes.position()) >= 0) {
      // Until all is there.
    }
    int start = 0;
    for (int i = 0; i < bytes.position(); i++) {
      if (bytes.get(i) == '\n') {
        take(new String(bytes.array(), start, i - start, StandardCharsets.UTF_8));
        start = i + 1;
      }
    }
    position += start;
  }

  private void take(String line) {
    try {
      ManifestEntry entry = JSON.readValue(line, ManifestEntry.class);
      if (entry != null
          && entry.path() != null
          && entry.sha256() != null
          && entry.settings() != null) {
        byPath.put(entry.path(), entry);
        return;
      }
    } catch (JacksonException e) {
      // Counted below.
    }
    damagedLines++;
  }

  /**
   * SHA-256 of a file's content, in hexadecimal; of a folder, of its files' contents in the order
   * of their names.
   */
  public static String sha256(Path file) throws IOException {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Path part : Files.isDirectory(file) ? filesOf(file) : List.of(file)) {
        try (InputStream in = Files.newInputStream(part);
            DigestInputStream digesting = new DigestInputStream(in, digest)) {
          digesting.transferTo(OutputStream.nullOutputStream());
        }
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<Path> filesOf(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(Files::isRegularFile).sorted().toList();
    }
  }
}
