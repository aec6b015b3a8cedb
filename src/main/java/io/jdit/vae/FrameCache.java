package io.jdit.vae;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.IdentityHashMap;
import java.util.Map;

/**
 * What the layers of a causal network remember of one video between chunks of frames: its size does
 * not depend on the number of frames.
 */
final class FrameCache implements AutoCloseable {
  private final Map<Object, Tensor> frames = new IdentityHashMap<>();
  private boolean first = true;

  /** Whether the chunk that is computed is the first of its video. */
  boolean first() {
    return first;
  }

  /** The chunk is through. */
  void next() {
    first = false;
  }

  /** Last input frames of a layer [B, C, n, H, W], or null. */
  Tensor get(Object layer) {
    return frames.get(layer);
  }

  /** Takes over {@code last}, which must not be a part of something larger. */
  void put(Object layer, Tensor last) {
    Tensor old = frames.put(layer, TensorScope.detach(last));
    if (old != null) {
      old.close();
    }
  }

  @Override
  public void close() {
    frames.values().forEach(Tensor::close);
    frames.clear();
  }
}
