package io.jdit.metrics;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Memory of this process and machine, in bytes, from the proc file system; 0 or the heap's view
 * where there is none.
 */
public final class Memory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path CLEAR_REFS = Path.of("/proc/self/clear_refs");

  private Memory() {}

  /** Resident memory of this process now. */
  public static long resident() {
    return field(STATUS, "VmRSS:");
  }

  /**
   * Largest resident memory since the last {@link #resetPeak}, or since the start where it cannot
   * be reset.
   */
  public static long peakResident() {
    return field(STATUS, "VmHWM:");
  }

  /** Lets the peak start anew; false where the kernel does not allow it. */
  public static boolean resetPeak() {
    try {
      Files.writeString(CLEAR_REFS, "5");
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  /** What new allocations can still take on this machine, within the limits of control groups. */
  public static long available() {
    long machine = field(Path.of("/proc/meminfo"), "MemAvailable:");
    if (machine == 0) {
      machine = Runtime.getRuntime().maxMemory();
    }
    return Math.min(machine, ControlGroup.ofProcess().availableMemory().orElse(machine));
  }

  private static long field(Path file, String name) {
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.startsWith(name)) {
          return 1024 * Long.parseLong(line.substring(name.length()).replace("kB", "").strip());
        }
      }
    } catch (IOException e) {
      return 0;
    }
    return 0;
  }
}
