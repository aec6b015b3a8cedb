package io.jdit.tensor;

import org.bytedeco.pytorch.SizeTPair;
import org.bytedeco.pytorch.cuda.DeviceStats;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.DeviceType;

/**
 * Memory of a GPU as LibTorch's allocator sees it, in bytes: what tensors take, and what it has
 * reserved for them.
 */
public record DeviceMemory(long allocated, long peakAllocated, long reserved, long peakReserved) {
  /** The figures of a CUDA device now, peaks since {@link #resetPeaks}. */
  public static DeviceMemory of(Device device) {
    begin();
    try (DeviceStats stats = torch.getDeviceStats((byte) device.index())) {
      // The first of the three statistics of each kind is over all pools.
      return new DeviceMemory(
          stats.allocated_bytes().current(),
          stats.allocated_bytes().peak(),
          stats.reserved_bytes().current(),
          stats.reserved_bytes().peak());
    }
  }

  /** Bytes that are free on a CUDA device. */
  public static long free(Device device) {
    begin();
    try (SizeTPair freeAndTotal = torch.getMemoryInfo((byte) device.index())) {
      return freeAndTotal.first();
    }
  }

  public static void resetPeaks(Device device) {
    begin();
    torch.resetPeakStats((byte) device.index());
  }

  /** LibTorch's allocator knows no device before the first tensor, or this. */
  private static void begin() {
    torch.globalContext().lazyInitDevice(DeviceType.CUDA);
  }
}
