package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;

/**
 * Shapes without data: a model that is built with them on {@link Device#META} tells how many
 * weights its configuration means.
 */
public final class MetaWeights extends AnyShapeSource {
  private long elements;

  public MetaWeights() {
    this(DType.FLOAT32);
  }

  /**
   * @param stored type that the tensors are said to be stored in
   */
  public MetaWeights(DType stored) {
    super(stored);
  }

  /** Elements of all tensors that were read. */
  public long elements() {
    return elements;
  }

  @Override
  public Tensor read(TensorInfo info) {
    elements += info.elements();
    return Tensor.empty(DType.FLOAT32, Device.META, info.shape());
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
