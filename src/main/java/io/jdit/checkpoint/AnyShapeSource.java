package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import java.util.Set;

/** Has every tensor in whatever shape a model asks for. */
abstract class AnyShapeSource implements TensorSource {
  private final DType stored;

  /**
   * @param stored type that numbers are said to be stored in; codes are stored as they are held
   */
  AnyShapeSource(DType stored) {
    this.stored = stored;
  }

  @Override
  public final Set<String> names() {
    return Set.of();
  }

  @Override
  public final TensorInfo info(String name) {
    return null;
  }

  @Override
  public final TensorInfo info(String name, DType held, long... expectedShape) {
    return new TensorInfo(name, held.bytes() > 1 ? stored : held, expectedShape, 0);
  }

  @Override
  public abstract Tensor read(TensorInfo info);

  @Override
  public final Tensor read(String name) {
    throw new ModelFormatException("tensor " + name + " has no shape before a model asks for it");
  }
}
