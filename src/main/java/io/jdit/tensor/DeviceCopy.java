package io.jdit.tensor;

import java.util.function.Supplier;

/**
 * How tensors that one thread reads come to the device that another computes on. On a CPU they are
 * there. To a GPU they go from pinned memory on a stream of their own: neither thread's work waits
 * for the other's.
 */
public interface DeviceCopy {
  /** To {@code device}, for one thread that reads. */
  static DeviceCopy to(Device device) {
    return device.isCuda() ? new CudaCopy(device) : new DeviceCopy() {};
  }

  /**
   * For the thread that reads: a tensor on the device, whose data may come later.
   *
   * @param file reads it on the CPU
   */
  default Tensor read(Supplier<Tensor> file) {
    return file.get();
  }

  /** For the thread that reads: waits for the data of all tensors that it has read. */
  default void finish() {}

  /**
   * For the thread that computes: it is going to use what was read, and closes it when it likes.
   */
  default void use(Tensor read) {}

  /**
   * For the thread that computes: waits for its kernels. It queues them faster than they run, and
   * memory that it frees is there for other tensors only when they have.
   */
  default void computed() {}
}
