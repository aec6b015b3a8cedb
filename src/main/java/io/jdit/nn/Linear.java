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
  Tensor forward(Input x);

  /** The same of a tensor that no other layer reads. */
  default Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(forward(Input.of(x)));
    }
  }

  /**
   * GELU (tanh approximation) of {@link #forward}: a layer that can fold it into the product does.
   */
  default Tensor forwardGeluTanh(Input x) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(Kernels.geluTanh(forward(x)));
    }
  }

  /** Whether the layer takes GELU of what it reads without another pass over memory. */
  default boolean takesGeluTanh() {
    return false;
  }

  /** GELU (tanh approximation) of {@link #forward}, which {@code next} takes if it can. */
  default Input geluTanhFor(Linear next, Input x) {
    return next.takesGeluTanh() ? Input.geluTanhOf(forward(x)) : Input.of(forwardGeluTanh(x));
  }

  int inFeatures();

  int outFeatures();
}
