package io.jdit.engine.batch;

import io.jdit.metrics.Machine;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * A process, told from every other one in a cluster.
 *
 * @param id random
 * @param machine what process numbers are unique in: a boot of a kernel, and a process namespace
 * @param pid process number
 * @param started when, in milliseconds of the epoch; tells it from a later process of that number
 */
record WorkerIdentity(String id, String machine, long pid, long started) {
  /** The kernel gives start times in ticks since a boot time that clock corrections move. */
  private static final Duration START_TOLERANCE = Duration.ofSeconds(5);

  static WorkerIdentity current() {
    ProcessHandle self = ProcessHandle.current();
    return new WorkerIdentity(
        UUID.randomUUID().toString(), Machine.identity(), self.pid(), started(self).orElse(0L));
  }

  /** Whether this is a process of our machine, and no longer runs. */
  boolean knownDead() {
    // Where that is not known no process is taken for one of ours, and heartbeats decide.
    if (!machine.equals(Machine.identity())) {
      return false;
    }
    Optional<ProcessHandle> handle = ProcessHandle.of(pid).filter(ProcessHandle::isAlive);
    return handle.isEmpty()
        || started(handle.get())
            .map(s -> Math.abs(s - started) > START_TOLERANCE.toMillis())
            .orElse(false);
  }

  private static Optional<Long> started(ProcessHandle process) {
    return process.info().startInstant().map(Instant::toEpochMilli);
  }
}
