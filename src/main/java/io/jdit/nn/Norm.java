package io.jdit.nn;

import io.jdit.tensor.Tensor;

/** Normalises the last dimension. */
@FunctionalInterface
public interface Norm {
  /** x [..., D] to the same shape and dtype. */
  Tensor forward(Tensor x);
}
