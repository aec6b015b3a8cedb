package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Shapes;

/**
 * A stored tensor.
 *
 * @param begin offset of its first byte in the data part of its file
 */
public record TensorInfo(String name, DType dtype, long[] shape, long begin) {
  public long elements() {
    return Shapes.elements(shape);
  }

  public long bytes() {
    return elements() * dtype.bytes();
  }
}
