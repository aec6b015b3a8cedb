package io.jdit.nn;

import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.List;

/**
 * Cosines and sines of a multi-axis rotary embedding, each float32 [S, headDim], every value twice
 * in a row: (c0, c0, c1, c1, ...). Pairs are rotated as (x0 cos - x1 sin, x1 cos + x0 sin). Where
 * the rows of a batch have positions of their own, [B, S, headDim].
 */
public record RotaryTable(Tensor cos, Tensor sin) implements AutoCloseable {
  /** How an angle is computed from a position and a frequency theta^(-2i / d), both exact. */
  public enum Angles {
    /** In float64 (diffusers' FluxPosEmbed). */
    FLOAT64,
    /** In float64, then rounded to float32 (Z-Image's RopeEmbedder). */
    ROUNDED,
    /** Frequency and product in float32 (QwenEmbedRope). */
    FLOAT32;

    double of(int position, double frequency) {
      return switch (this) {
        case FLOAT64 -> position * frequency;
        case ROUNDED -> (float) (position * frequency);
        case FLOAT32 -> (float) position * (float) frequency;
      };
    }
  }

  /**
   * Angles id_k / theta^(2i / d_k) of each axis k, computed in float64, their cosines and sines
   * cast to float32.
   *
   * @param ids positions, [S][axes]
   * @param axes dimension of each axis, even; their sum is the head dimension
   */
  public static RotaryTable of(int[][] ids, int[] axes, double theta, Device device) {
    return of(ids, axes, theta, Angles.FLOAT64, device);
  }

  /**
   * The same with a choice of precision.
   *
   * @param ids positions, [S][axes]; null for a token whose cosines and sines are 0
   */
  public static RotaryTable of(
      int[][] ids, int[] axes, double theta, Angles angles, Device device) {
    int headDim = 0;
    for (int d : axes) {
      headDim += d;
    }
    float[] cos = new float[ids.length * headDim];
    float[] sin = new float[cos.length];
    int at = 0;
    for (int[] id : ids) {
      if (id == null) {
        at += headDim;
        continue;
      }
      for (int k = 0; k < axes.length; k++) {
        for (int i = 0; i < axes[k] / 2; i++) {
          double angle = angles.of(id[k], 1.0 / Math.pow(theta, 2.0 * i / axes[k]));
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

  /** One table for each row of a batch, of equal lengths; belongs to the innermost scope. */
  public static RotaryTable ofRows(List<RotaryTable> rows) {
    return new RotaryTable(
        Tensor.stack(0, rows.stream().map(RotaryTable::cos).toArray(Tensor[]::new)),
        Tensor.stack(0, rows.stream().map(RotaryTable::sin).toArray(Tensor[]::new)));
  }

  /** Dimension of the tokens. */
  public int tokenDim() {
    return cos.dim() - 2;
  }

  /** The rows of some tokens, as views. */
  public RotaryTable narrow(long start, long length) {
    return new RotaryTable(
        cos.narrow(tokenDim(), start, length), sin.narrow(tokenDim(), start, length));
  }

  @Override
  public void close() {
    cos.close();
    sin.close();
  }
}
