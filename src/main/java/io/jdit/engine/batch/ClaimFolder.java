package io.jdit.engine.batch;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.json.JsonMapper;

/**
 * Claims as files, for processes that share nothing but a file system.
 *
 * <p>Claim {@code g} of a name is the file {@code NAME.g}, created exclusively; the highest number
 * counts. A claim whose owner died is taken over by creating the next number, which only one
 * process can: no file is ever deleted while others may look at it. It holds the owner's id and,
 * when the work failed, the reason.
 *
 * <p>An owner is known by the file {@code worker-ID}, rewritten every few seconds. It is dead when
 * that file is gone, when it was not rewritten for {@value #DEAD_AFTER_SECONDS} s by the file
 * server's clock, or at once when it was a process of this machine that no longer runs.
 */
final class ClaimFolder implements AutoCloseable {
  /** What asking for a claim gave. */
  enum Claim {
    MINE,
    HELD,
    /** The work was tried by another process since this one joined, and failed. */
    FAILED
  }

  private static final long HEARTBEAT_SECONDS = 10;
  static final long DEAD_AFTER_SECONDS = 60;

  /** For a claim whose owner's id is not written: it died at that instant. */
  private static final long NAMELESS_AFTER_SECONDS = 10;

  private static final String WORKER = "worker-";

  private final Path folder;
  private final Path worker;
  private final WorkerIdentity self;
  private final long joined;
  private final ScheduledExecutorService heart;
  private final Map<String, Integer> mine = new HashMap<>();

  private ClaimFolder(Path folder, WorkerIdentity self) throws IOException {
    this.folder = folder;
    this.self = self;
    this.worker = folder.resolve(WORKER + self.id());
    beat();
    this.joined = time(worker);
    this.heart =
        Executors.newSingleThreadScheduledExecutor(
            task -> {
              Thread thread = new Thread(task, "jdit-heartbeat");
              thread.setDaemon(true);
              return thread;
            });
    heart.scheduleWithFixedDelay(
        this::beatQuietly, HEARTBEAT_SECONDS, HEARTBEAT_SECONDS, TimeUnit.SECONDS);
  }

  /** Makes the folder when it is missing, and this process known in it. */
  static ClaimFolder join(Path folder) throws IOException {
    Files.createDirectories(folder);
    return new ClaimFolder(folder, WorkerIdentity.current());
  }

  /**
   * Claims {@code name}, from its last owner when that is dead.
   *
   * @param name a plain file name
   */
  Claim claim(String name) throws IOException {
    try {
      return claimNext(name);
    } catch (NoSuchFileException e) {
      // A process that finished the batch is clearing up: the next look shows what is left.
      return Claim.HELD;
    }
  }

  private Claim claimNext(String name) throws IOException {
    int number = 0;
    while (Files.exists(claimFile(name, number + 1))) {
      number++;
    }
    if (number > 0) {
      Path file = claimFile(name, number);
      String[] text = Files.readString(file).split("\n", 2);
      if (text[0].equals(self.id())) {
        return Claim.MINE;
      }
      if (text.length > 1 && !text[1].isEmpty()) {
        if (time(file) >= joined) {
          return Claim.FAILED;
        }
      } else if (text.length == 1
          ? now() - time(file) < TimeUnit.SECONDS.toMillis(NAMELESS_AFTER_SECONDS)
          : alive(folder.resolve(WORKER + text[0]))) {
        return Claim.HELD;
      }
    }
    try {
      write(claimFile(name, number + 1), self.id() + "\n", StandardOpenOption.CREATE_NEW);
    } catch (FileAlreadyExistsException e) {
      return Claim.HELD;
    }
    mine.put(name, number + 1);
    return Claim.MINE;
  }

  /** Marks a claim of this process: the work failed and is not to be tried by others. */
  void fail(String name, String reason) throws IOException {
    String line = reason.replaceAll("\\R", " ") + "\n";
    write(claimFile(name, mine.get(name)), line, StandardOpenOption.APPEND);
  }

  /** Whether no other living process has joined. */
  boolean alone() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        if (isWorker(file) && !file.equals(worker) && alive(file)) {
          return false;
        }
      }
    }
    return true;
  }

  /** Deletes the claims of {@code names} and the files of dead processes. */
  void remove(List<String> names) throws IOException {
    for (String name : names) {
      for (int number = 1; Files.deleteIfExists(claimFile(name, number)); number++) {
        mine.remove(name);
      }
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        if (isWorker(file) && !file.equals(worker) && !alive(file)) {
          Files.deleteIfExists(file);
        }
      }
    }
  }

  /** Without the folder no claim can ever be had: a process must not wait for one. */
  void requireExists() throws IOException {
    if (!Files.isDirectory(folder)) {
      throw new NoSuchFileException(
          folder.toString(), null, "the claims of the batch were removed while it ran");
    }
  }

  /** Leaves: whatever this process holds may be claimed by others from now on. */
  @Override
  public void close() throws IOException {
    heart.shutdownNow();
    synchronized (this) {
      Files.deleteIfExists(worker);
    }
    try {
      Files.deleteIfExists(folder);
    } catch (DirectoryNotEmptyException e) {
      // Others are at work, or the batch is not finished.
    }
  }

  private boolean alive(Path file) throws IOException {
    try {
      if (now() - time(file) > TimeUnit.SECONDS.toMillis(DEAD_AFTER_SECONDS)) {
        return false;
      }
      String text = Files.readString(file);
      // Empty for the instant in which it is made.
      return text.isBlank()
          || !JsonMapper.shared().readValue(text, WorkerIdentity.class).knownDead();
    } catch (NoSuchFileException e) {
      return false;
    } catch (JacksonException e) {
      return true;
    }
  }

  /** The file server's clock: the clocks of a cluster's machines differ. */
  private long now() throws IOException {
    beat();
    return time(worker);
  }

  private synchronized void beat() throws IOException {
    if (heart == null || !heart.isShutdown()) {
      write(worker, JsonMapper.shared().writeValueAsString(self), StandardOpenOption.CREATE);
    }
  }

  private void beatQuietly() {
    try {
      beat();
    } catch (IOException e) {
      // The file system may be back for the next one; if it stays away, saving says so.
    }
  }

  private static void write(Path file, String text, StandardOpenOption how) throws IOException {
    try (FileChannel channel = FileChannel.open(file, how, StandardOpenOption.WRITE)) {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }
  }

  private static long time(Path file) throws IOException {
    return Files.getLastModifiedTime(file).toMillis();
  }

  private static boolean isWorker(Path file) {
    return file.getFileName().toString().startsWith(WORKER);
  }

  private Path claimFile(String name, int number) {
    return folder.resolve(name + "." + number);
  }
}
