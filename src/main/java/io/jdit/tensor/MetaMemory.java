package io.jdit.tensor;

import java.util.HashMap;
import java.util.Map;

/**
 * The memory that tensors on {@link Device#META} would take if they had data, of those that its
 * thread makes and closes while it is open. Copies inside of one operator are not seen.
 */
public final class MetaMemory implements AutoCloseable {
  private static final ThreadLocal<MetaMemory> COUNTING = new ThreadLocal<>();

  /** Tensors that share it, by its address. */
  private final Map<Long, Integer> storages = new HashMap<>();

  private long now;
  private long start;
  private long peak;

  private MetaMemory() {
    COUNTING.set(this);
  }

  public static MetaMemory open() {
    return new MetaMemory();
  }

  /** What there is now is not counted any more. */
  public void restart() {
    start = now;
    peak = now;
  }

  /** The most bytes at a time since the last {@link #restart}, beyond what there was then. */
  public long peak() {
    return peak - start;
  }

  static void opened(Tensor tensor) {
    MetaMemory memory = COUNTING.get();
    if (memory != null && tensor.device().isMeta()) {
      memory.change(tensor, 1);
    }
  }

  static void closed(Tensor tensor) {
    MetaMemory memory = COUNTING.get();
    if (memory != null && tensor.device().isMeta()) {
      memory.change(tensor, -1);
    }
  }

  private void change(Tensor tensor, int by) {
    try (var storage = tensor.handle().storage();
        var data = storage.unsafeGetStorageImpl()) {
      long bytes = storage.nbytes();
      int before = storages.getOrDefault(data.address(), 0);
      if (before + by < 0) {
        return; // made before it was open
      }
      if (before + by == 0) {
        storages.remove(data.address());
        now -= bytes;
      } else {
        storages.put(data.address(), before + by);
        now += before == 0 ? bytes : 0;
        peak = Math.max(peak, now);
      }
    }
  }

  @Override
  public void close() {
    COUNTING.remove();
  }
}
