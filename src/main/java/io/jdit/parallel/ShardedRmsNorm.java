package io.jdit.parallel;

import io.jdit.nn.Norm;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * RMS norm over channels that are spread over ranks in equal parts: the mean of squares is averaged
 * over them in float32, one number a token.
 *
 * @param weight this rank's slice [D / ranks]
 */
record ShardedRmsNorm(Tensor weight, double eps, ProcessGroup group) implements Norm {
  @Override
  public Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor f = x.to(DType.FLOAT32);
      Tensor squares = f.mul(f).mean(-1, true).contiguous();
      group.allReduce(squares).await();
      Tensor scale = squares.div(group.size()).add(eps).rsqrt();
      return scope.keep(f.mul(scale).to(weight.dtype()).mul(weight));
    }
  }
}
