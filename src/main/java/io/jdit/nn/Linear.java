package io.jdit.nn;

import io.jdit.tensor.Tensor;

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

  int inFeatures();

  int outFeatures();
}
