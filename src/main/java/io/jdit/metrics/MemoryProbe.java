package io.jdit.metrics;

/** Where the memory of a stage is read. */
public interface MemoryProbe {
  /**
   * Bytes.
   *
   * @param allocated in use now
   * @param peakAllocated largest since the last {@link #reset}
   * @param reserved taken from the machine or the device now
   * @param peakReserved largest since the last {@link #reset}
   */
  record Figures(long allocated, long peakAllocated, long reserved, long peakReserved) {
    /** The later figures with the larger peaks. */
    Figures then(Figures later) {
      return new Figures(
          later.allocated,
          Math.max(peakAllocated, later.peakAllocated),
          later.reserved,
          Math.max(peakReserved, later.peakReserved));
    }
  }

  /** Lets the peaks start anew. */
  void reset();

  Figures read();

  /** Resident memory of this process. */
  static MemoryProbe process() {
    return new MemoryProbe() {
      @Override
      public void reset() {
        Memory.resetPeak();
      }

      @Override
      public Figures read() {
        long now = Memory.resident();
        long peak = Memory.peakResident();
        return new Figures(now, peak, now, peak);
      }
    };
  }
}
