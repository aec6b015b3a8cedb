package io.jdit.nn;

import io.jdit.kernels.Kernels;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * y = x W^T + b. Implementations differ in what they hold: all of W, a shard of it, a quantized
 * form.
 */
public interface Linear {
  /**
   * @param x [..., inFeatures]
   * @return [..., outFeatures]
   */
  Tensor forward(Tensor x);

  /**
   * GELU (tanh approximation) of {@link #forward}: a layer that can fold it into the product does.
   */
  default Tensor forwardGeluTanh(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(Kernels.geluTanh(forward(x)));
    }
  }

  /** {@link #forward} of tensors [..., a], [..., b], ... side by side. */
  default Tensor forwardJoined(Tensor... parts) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(forward(Tensor.cat(-1, parts)));
    }
  }

  int inFeatures();

  int outFeatures();
}
