package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Conv3d;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * A convolution that sees a frame and those before it, with repeated borders and a repeated first
 * frame (diffusers' HunyuanVideoCausalConv3d).
 */
final class ReplicatedConv3d {
  private final Conv3d conv;
  private final int kernel;

  ReplicatedConv3d(Weights w, int in, int out, int kernel) {
    this(w, in, out, kernel, new int[] {1, 1, 1});
  }

  /**
   * @param stride in time, height and width
   */
  ReplicatedConv3d(Weights w, int in, int out, int kernel, int[] stride) {
    int[] sizes = {kernel, kernel, kernel};
    conv = new Conv3d(w.at("conv"), in, out, sizes, stride, new int[] {0, 0, 0});
    this.kernel = kernel;
  }

  Tensor forward(Tensor x) {
    if (kernel == 1) {
      return conv.forward(x);
    }
    try (TensorScope scope = TensorScope.open()) {
      int side = kernel / 2;
      Tensor padded = Functional.padReplicated3d(x, side, side, side, side, kernel - 1, 0);
      return scope.keep(conv.forward(padded));
    }
  }
}
