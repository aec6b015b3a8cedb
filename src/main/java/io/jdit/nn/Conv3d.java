package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** 3-D convolution with bias; x [B, in, T, H, W]. */
public final class Conv3d {
  private final Tensor weight; // [out, in, kt, kh, kw]
  private final Tensor bias;
  private final long[] stride;
  private final long[] padding;

  /**
   * @param kernel in time, height and width, as {@code stride} and {@code padding}
   */
  public Conv3d(Weights w, int in, int out, int[] kernel, int[] stride, int[] padding) {
    this(
        w.get("weight", out, in, kernel[0], kernel[1], kernel[2]),
        w.get("bias", out),
        stride,
        padding);
  }

  private Conv3d(Tensor weight, Tensor bias, int[] stride, int[] padding) {
    this.weight = weight;
    this.bias = bias;
    this.stride = wide(stride);
    this.padding = wide(padding);
  }

  /** The convolution of every frame by itself with a weight of two dimensions [out, in, k, k]. */
  public static Conv3d ofFrames(Weights w, int in, int out, int kernel, int stride, int padding) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor plain = w.get("weight", out, in, kernel, kernel);
      Tensor weight = w.own(plain.unsqueeze(2));
      plain.close();
      return new Conv3d(
          weight,
          w.get("bias", out),
          new int[] {1, stride, stride},
          new int[] {0, padding, padding});
    }
  }

  private static long[] wide(int[] values) {
    return new long[] {values[0], values[1], values[2]};
  }

  public Tensor forward(Tensor x) {
    return convolve(x, weight);
  }

  /**
   * As {@link #forward}, by the last {@code taps} of the kernel in time: what counts where zeros
   * come before the frames.
   */
  public Tensor forwardLastTaps(Tensor x, int taps) {
    long kernel = weight.size(2);
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(convolve(x, weight.narrow(2, kernel - taps, taps)));
    }
  }

  private Tensor convolve(Tensor x, Tensor part) {
    boolean frameByFrame = part.size(2) == 1 && stride[0] == 1 && padding[0] == 0;
    if (!frameByFrame || stride[1] != stride[2] || padding[1] != padding[2]) {
      return Functional.conv3d(x, part, bias, stride, padding);
    }
    // LibTorch's float32 conv3d on the CPU reaches a third of conv2d's speed on such kernels.
    try (TensorScope scope = TensorScope.open()) {
      long b = x.size(0);
      long t = x.size(2);
      Tensor frames = x.transpose(1, 2).reshape(b * t, x.size(1), x.size(3), x.size(4));
      Tensor y =
          Functional.conv2d(frames, part.squeeze(2), bias, (int) stride[1], (int) padding[1]);
      Tensor whole = y.view(b, t, y.size(1), y.size(2), y.size(3));
      return scope.keep(whole.transpose(1, 2).contiguous());
    }
  }
}
