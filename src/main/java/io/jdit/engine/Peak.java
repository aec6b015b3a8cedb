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

/**
 * A large linear layer and a large copy: the rates that a machine reaches at best in the work of a
 * transformer.
 */
final class Peak implements AutoCloseable {
  private static final int ROWS = 2048;
  private static final int WIDTH = 3072;
  private static final long COPIED = 16 << 20;

  private final TensorScope owner = TensorScope.unbound();
  private final Strategies strategies;
  private final DenseLinear layer;
  private final Tensor x;
  private final Tensor from; // larger than the caches
  private final Tensor to;

  Peak(Strategies strategies) {
    this.strategies = strategies;
    try (SyntheticWeights source = new SyntheticWeights(0);
        Generator numbers = new Generator(0);
        TensorScope scope = TensorScope.open()) {
      Weights w = new Weights(source, strategies.dtype(), strategies.device(), owner);
      layer = new DenseLinear(w, WIDTH, WIDTH, false);
      Tensor drawn = numbers.randn(DType.FLOAT32, 1, ROWS, WIDTH);
      x = owner.adopt(drawn.to(strategies.device(), strategies.dtype()));
      from = owner.adopt(Tensor.zeros(DType.FLOAT32, strategies.device(), COPIED));
      to = owner.adopt(Tensor.zeros(DType.FLOAT32, strategies.device(), COPIED));
    }
  }

  /** Of what is held for it. */
  long bytes() {
    return owner.bytes();
  }

  /** Milliseconds that so many floating-point operations take in the layer, by one measurement. */
  double product(double flops) {
    return milliseconds(() -> layer.forward(x)) * flops / (2.0 * ROWS * WIDTH * WIDTH);
  }

  /** Milliseconds that it takes to read or write so many bytes in a copy, by one measurement. */
  double copy(double bytes) {
    return milliseconds(() -> to.copy_(from)) * bytes / (from.bytes() + to.bytes());
  }

  private double milliseconds(Runnable work) {
    Torch.synchronize(strategies.device());
    long start = System.nanoTime();
    try (TensorScope scope = TensorScope.open()) {
      work.run();
      Torch.synchronize(strategies.device());
    }
    return (System.nanoTime() - start) / 1e6;
  }

  @Override
  public void close() {
    owner.close();
  }
}
