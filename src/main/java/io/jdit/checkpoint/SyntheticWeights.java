package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** Random weights, normal with variance 1 / inputs: for measuring speed without a checkpoint. */
public final class SyntheticWeights extends AnyShapeSource {
  private final Generator generator;

  public SyntheticWeights(long seed) {
    super(DType.FLOAT32);
    generator = new Generator(seed);
  }

  @Override
  public Tensor read(TensorInfo info) {
    long inputs = info.shape().length > 1 ? info.elements() / info.shape()[0] : 1;
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(generator.randn(DType.FLOAT32, info.shape()).mul(1 / Math.sqrt(inputs)));
    }
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
