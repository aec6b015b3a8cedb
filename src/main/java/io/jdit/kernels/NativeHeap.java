package io.jdit.kernels;

import io.jdit.tensor.Device;

/** The heap of the C library, which the data of tensors on the CPU comes from. */
public final class NativeHeap {
  /**
   * Bytes from which on a tensor's memory leaves no gap when it is freed, after {@link
   * #mapLargeTensors}. Below, mapping costs more than it saves.
   */
  public static final long MAPPED = 8L << 20;

  private NativeHeap() {}

  /**
   * From now on memory of {@link #MAPPED} bytes or more goes back to the system as soon as it is
   * freed, in all of this process: for weights that come and go. By itself the C library raises
   * this limit to 32 MiB as it sees large blocks freed, and layers' matrices of less leave gaps.
   * Without the CPU library nothing changes.
   */
  public static void mapLargeTensors() {
    if (NativeLibraries.cpu().loaded()) {
      NativeCall.check(CpuKernels.jdit_map_allocations(MAPPED), Device.CPU);
    }
  }
}
