package io.jdit.checkpoint;

import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Random weights, normal with variance 1 / inputs: for measuring speed without a checkpoint. */
public final class SyntheticWeights extends AnyShapeSource {
  private static final int DRAWN = 1 << 22; // a model of 12 billion would take minutes

  private final Generator generator;
  private Tensor drawn; // null until a large tensor is read
  private long next;

  public SyntheticWeights(long seed) {
    super(DType.FLOAT32);
    generator = new Generator(seed);
  }

  @Override
  public Tensor read(TensorInfo info) {
    long inputs = info.shape().length > 1 ? info.elements() / info.shape()[0] : 1;
    try (TensorScope scope = TensorScope.open()) {
      Tensor numbers = numbers(info.elements());
      numbers.mul_(1 / Math.sqrt(inputs));
      return scope.keep(numbers.view(info.shape()));
    }
  }

  /** As many numbers; those of large tensors come again and again, in other places. */
  private Tensor numbers(long count) {
    if (count <= DRAWN / 16) {
      return generator.randn(DType.FLOAT32, count);
    }
    if (drawn == null) {
      drawn = TensorScope.detach(generator.randn(DType.FLOAT32, DRAWN));
    }
    List<Tensor> parts = new ArrayList<>();
    for (long left = count; left > 0; ) {
      long length = Math.min(left, DRAWN - next);
      parts.add(drawn.narrow(0, next, length));
      next = (next + length) % DRAWN;
      left -= length;
    }
    return Tensor.cat(0, parts.toArray(Tensor[]::new));
  }

  @Override
  public String fileOf(String name) {
    return "synthetic weights";
  }

  @Override
  public void close() {
    generator.close();
    if (drawn != null) {
      drawn.close();
    }
  }
}
