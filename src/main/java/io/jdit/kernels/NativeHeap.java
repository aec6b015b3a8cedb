package io.jdit.kernels;

import io.jdit.tensor.Device;

/**
 * The heap of the C library, which the data of tensors on the CPU comes from. What is freed in it
 * leaves gaps; what is mapped goes back to the system at once, and costs a fault for each page when
 * it is used for the first time. Without the CPU library nothing changes.
 */
public final class NativeHeap implements AutoCloseable {
  /** Bytes from which on tensors are mapped while layers come and go. */
  public static final long STREAMED = 8L << 20;

  /** Weights are touched once, and what they are made of is freed right after. */
  private static final long LOADED = 1L << 20;

  /** What the C library itself comes to as it sees large blocks freed, and its limit. */
  private static final long OTHERWISE = 32L << 20;

  private static volatile long running = OTHERWISE;

  private NativeHeap() {}

  /** Until it is closed weights are read, and packed or quantized. */
  public static NativeHeap loading() {
    mapFrom(LOADED);
    return new NativeHeap();
  }

  /** From now on, in all of this process, layers come and go while a model runs. */
  public static void stream() {
    running = STREAMED;
    mapFrom(running);
  }

  private static void mapFrom(long bytes) {
    if (NativeLibraries.cpu().loaded()) {
      NativeCall.check(CpuKernels.jdit_map_allocations(bytes), Device.CPU);
    }
  }

  @Override
  public void close() {
    mapFrom(running);
  }
}
