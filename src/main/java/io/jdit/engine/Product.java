package io.jdit.engine;

import io.jdit.checkpoint.SyntheticWeights;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.DenseLinear;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.tensor.Torch;

/** A large linear layer: the rate that a machine reaches at best in the work of a transformer. */
final class Product implements AutoCloseable {
  private static final int ROWS = 2048;
  private static final int WIDTH = 3072;

  private final TensorScope owner = TensorScope.unbound();
  private final Strategies strategies;
  private final DenseLinear layer;
  private final Tensor x;

  Product(Strategies strategies) {
    this.strategies = strategies;
    try (SyntheticWeights source = new SyntheticWeights(0);
        Generator numbers = new Generator(0);
        TensorScope scope = TensorScope.open()) {
      Weights w = new Weights(source, strategies.dtype(), strategies.device(), owner);
      layer = new DenseLinear(w, WIDTH, WIDTH, false);
      Tensor drawn = numbers.randn(DType.FLOAT32, 1, ROWS, WIDTH);
      x = owner.adopt(drawn.to(strategies.device(), strategies.dtype()));
    }
  }

  /** Milliseconds that so many floating-point operations take in it, by one measurement. */
  double milliseconds(double flops) {
    Torch.synchronize(strategies.device());
    long start = System.nanoTime();
    try (TensorScope scope = TensorScope.open()) {
      layer.forward(x);
      Torch.synchronize(strategies.device());
    }
    return (System.nanoTime() - start) / 1e6 * flops / (2.0 * ROWS * WIDTH * WIDTH);
  }

  @Override
  public void close() {
    owner.close();
  }
}
