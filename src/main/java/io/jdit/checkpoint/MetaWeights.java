package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import java.util.Set;

/**
 * Tensors of whatever shape a model asks for, without data: a model that is built with them on
 * {@link Device#META} tells how many weights its configuration means.
 */
public final class MetaWeights implements TensorSource {
  private long elements;

  /** Elements of all tensors that were read. */
  public long elements() {
    return elements;
  }

  @Override
  public Set<String> names() {
    return Set.of();
  }

  @Override
  public TensorInfo info(String name) {
    return null;
  }

  @Override
  public TensorInfo info(String name, long... expectedShape) {
    return new TensorInfo(name, DType.FLOAT32, expectedShape, 0);
  }

  @Override
  public Tensor read(TensorInfo info) {
    elements += info.elements();
    return Tensor.empty(DType.FLOAT32, Device.META, info.shape());
  }

  @Override
  public Tensor read(String name) {
    throw new ModelFormatException("tensor " + name + " has no shape before a model asks for it");
  }

  @Override
  public String fileOf(String name) {
    return "the configuration";
  }

  @Override
  public void close() {
    // Nothing is held.
  }
}
