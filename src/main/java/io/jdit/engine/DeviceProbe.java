package io.jdit.engine;

import io.jdit.metrics.MemoryProbe;
import io.jdit.tensor.Device;
import io.jdit.tensor.DeviceMemory;

/** Memory of a GPU, from LibTorch's allocator. */
record DeviceProbe(Device device) implements MemoryProbe {
  /** That of a device; of the CPU, the process's. */
  static MemoryProbe of(Device device) {
    return device.isCuda() ? new DeviceProbe(device) : MemoryProbe.process();
  }

  @Override
  public void reset() {
    DeviceMemory.resetPeaks(device);
  }

  @Override
  public Figures read() {
    DeviceMemory m = DeviceMemory.of(device);
    return new Figures(m.allocated(), m.peakAllocated(), m.reserved(), m.peakReserved());
  }
}
