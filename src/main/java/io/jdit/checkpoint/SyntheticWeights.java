package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Set;

/**
 * Random weights of whatever shape a model asks for, normal with variance 1 / inputs: for measuring
 * speed without a checkpoint.
 */
public final class SyntheticWeights implements TensorSource {
  private final Generator generator;

  public SyntheticWeights(long seed) {
    generator = new Generator(seed);
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
    long inputs = info.shape().length > 1 ? info.elements() / info.shape()[0] : 1;
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(generator.randn(DType.FLOAT32, info.shape()).mul(1 / Math.sqrt(inputs)));
    }
  }

  @Override
  public Tensor read(String name) {
    throw new ModelFormatException(
        "synthetic weights have no tensor " + name + " before a model asks for it");
  }

  @Override
  public String fileOf(String name) {
    return "synthetic weights";
  }

  @Override
  public void close() {
    generator.close();
  }
}
