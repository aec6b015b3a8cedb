package io.jdit.tensor;

import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.global.torch;

/**
 * Memory of the CPU that a GPU copies from by itself. LibTorch's allocator keeps what is freed for
 * the next tensor, in sizes of powers of two, until the process ends: as much as the largest set of
 * tensors takes that is read before its copies are waited for, which is a layer.
 */
final class PinnedMemory {
  private static final ThreadLocal<Boolean> READ_INTO = ThreadLocal.withInitial(() -> false);

  private PinnedMemory() {}

  /** From now on this thread reads files into it. */
  static void readInto() {
    READ_INTO.set(true);
  }

  /** A tensor on the CPU for what this thread reads from a file. */
  static Tensor empty(DType dtype, long... shape) {
    if (!READ_INTO.get()) {
      return Tensor.empty(dtype, Device.CPU, shape);
    }
    try (var pinned = new BoolOptional(true);
        var options = Torch.options(dtype, Device.CPU).pinned_memory(pinned)) {
      return Tensor.wrap(torch.empty(shape, options, null));
    }
  }
}
