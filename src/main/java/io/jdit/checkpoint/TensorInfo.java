package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Shapes;

/**
 * A stored tensor.
 *
 * @param begin offset of its first byte in the data part of its file
 */
public record TensorInfo(String name, StoredType type, long[] shape, long begin) {
  public TensorInfo(String name, DType dtype, long[] shape, long begin) {
    this(name, StoredType.of(dtype), shape, begin);
  }

  /**
   * @throws ModelFormatException when tensors of its type can be listed only
   */
  public DType dtype() {
    return type.dtype()
        .orElseThrow(
            () ->
                new ModelFormatException(
                    "tensor "
                        + name
                        + " is stored as "
                        + type
                        + ", which JDiT does not compute with"));
  }

  public long elements() {
    return Shapes.elements(shape);
  }

  public long bytes() {
    return elements() * type.bits() / 8;
  }

  /** Size in memory where floating point numbers are held in {@code floats}. */
  public long bytesAs(DType floats) {
    boolean floating = type.dtype().map(DType::isFloating).orElse(false);
    return floating ? elements() * floats.bytes() : bytes();
  }
}
