package io.jdit.nn;

import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Cosines and sines of a multi-axis rotary embedding, each float32 [S, headDim], every value twice
 * in a row: (c0, c0, c1, c1, ...). Pairs are rotated as (x0 cos - x1 sin, x1 cos + x0 sin).
 */
public record RotaryTable(Tensor cos, Tensor sin) implements AutoCloseable {
  /**
   * Angles id_k / theta^(2i / d_k) of each axis k, computed in float64 and cast to float32
   * (diffusers' FluxPosEmbed).
   *
   * @param ids positions, [S][axes]
   * @param axes dimension of each axis, even; their sum is the head dimension
   */
  public static RotaryTable of(int[][] ids, int[] axes, double theta, Device device) {
    int headDim = 0;
    for (int d : axes) {
      headDim += d;
    }
    float[] cos = new float[ids.length * headDim];
    float[] sin = new float[cos.length];
    int at = 0;
    for (int[] id : ids) {
      for (int k = 0; k < axes.length; k++) {
        for (int i = 0; i < axes[k] / 2; i++) {
          double angle = id[k] * (1.0 / Math.pow(theta, 2.0 * i / axes[k]));
          cos[at] = cos[at + 1] = (float) Math.cos(angle);
          sin[at] = sin[at + 1] = (float) Math.sin(angle);
          at += 2;
        }
      }
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor c = Tensor.of(cos, ids.length, headDim).to(device);
      Tensor s = Tensor.of(sin, ids.length, headDim).to(device);
      return new RotaryTable(scope.keep(c), scope.keep(s));
    }
  }

  @Override
  public void close() {
    cos.close();
    sin.close();
  }
}
