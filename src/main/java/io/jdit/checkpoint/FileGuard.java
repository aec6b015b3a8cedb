package io.jdit.checkpoint;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Exclusive use of a lock file, among the threads of this process and among processes. It does not
 * exclude Python's filelock, whose locks are of another kind; the checksum catches what both might
 * write into one partial file.
 */
final class FileGuard implements AutoCloseable {
  private static final ConcurrentHashMap<Path, ReentrantLock> THREADS = new ConcurrentHashMap<>();
  private static final long POLL_MILLIS = 100;

  private final ReentrantLock threads;
  private final FileChannel channel;

  private FileGuard(ReentrantLock threads, FileChannel channel) {
    this.threads = threads;
    this.channel = channel;
  }

  /** Waits until the lock is free; the wait can be interrupted. */
  static FileGuard acquire(Path file) throws IOException, InterruptedException {
    // File locks belong to the process: two threads of it need a lock of their own.
    ReentrantLock threads =
        THREADS.computeIfAbsent(file.toAbsolutePath(), key -> new ReentrantLock());
    threads.lockInterruptibly();
    FileChannel channel = null;
    try {
      Files.createDirectories(file.getParent());
      channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      FileLock lock = channel.tryLock();
      while (lock == null) {
        Thread.sleep(POLL_MILLIS);
        lock = channel.tryLock();
      }
      return new FileGuard(threads, channel);
    } catch (IOException | InterruptedException | RuntimeException e) {
      if (channel != null) {
        channel.close();
      }
      threads.unlock();
      throw e;
    }
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      threads.unlock();
    }
  }
}
