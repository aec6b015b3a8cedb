package io.jdit.textencoder;

import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** Rows of token ids of equal length as a tensor. */
final class TokenBatch {
  private TokenBatch() {}

  /** int64 [B, L]. */
  static Tensor tensor(long[][] ids, Device device) {
    int length = ids[0].length;
    long[] flat = new long[ids.length * length];
    for (int b = 0; b < ids.length; b++) {
      System.arraycopy(ids[b], 0, flat, b * length, length);
    }
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(Tensor.of(flat, ids.length, length).to(device));
    }
  }
}
