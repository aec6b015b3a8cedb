package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;

/** 2-D convolution with a square kernel and bias; x [B, in, H, W]. */
public final class Conv2d {
  private final Tensor weight; // [out, in, k, k]
  private final Tensor bias;
  private final int stride;
  private final int padding;

  public Conv2d(Weights w, int in, int out, int kernel, int stride, int padding) {
    this.weight = w.get("weight", out, in, kernel, kernel);
    this.bias = w.get("bias", out);
    this.stride = stride;
    this.padding = padding;
  }

  public Tensor forward(Tensor x) {
    return Functional.conv2dChannelsLast(x, weight, bias, stride, padding);
  }
}
