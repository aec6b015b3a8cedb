package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Conv3d;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * A convolution that sees a frame and those before it (diffusers' WanCausalConv3d): zeros come
 * before the first frame, and {@link FrameCache} holds the last frames of the chunk before.
 */
final class CausalConv3d {
  private final Conv3d conv;
  private final int kernel; // in time

  /**
   * @param time kernel in time
   * @param space kernel in height and width
   */
  CausalConv3d(Weights w, int in, int out, int time, int space) {
    int[] sizes = {time, space, space};
    int pad = space / 2;
    conv = new Conv3d(w, in, out, sizes, new int[] {1, 1, 1}, new int[] {0, pad, pad});
    kernel = time;
  }

  /** x [B, in, T, H, W] to [B, out, T, H, W]. */
  Tensor forward(Tensor x, FrameCache cache) {
    if (kernel == 1) {
      return conv.forward(x);
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor before = cache.get(this);
      Tensor seen = before == null ? x : Tensor.cat(2, before, x);
      long length = seen.size(2);
      long kept = Math.min(kernel - 1, length);
      Tensor y = convolve(seen, x.size(2));
      cache.put(this, alone(seen.narrow(2, length - kept, kept), length == kept));
      return scope.keep(y);
    }
  }

  private Tensor convolve(Tensor seen, long frames) {
    long missing = frames + kernel - 1 - seen.size(2);
    if (frames == 1) {
      return conv.forwardLastTaps(seen, (int) (kernel - missing));
    }
    return conv.forward(missing == 0 ? seen : Functional.padFramesInFront(seen, missing));
  }

  private static Tensor alone(Tensor view, boolean whole) {
    return whole ? view.alias() : view.copy();
  }
}
