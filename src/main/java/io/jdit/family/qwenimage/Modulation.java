package io.jdit.family.qwenimage;

import static io.jdit.family.qwenimage.QwenImageTransformer.EPS;

import io.jdit.kernels.Kernels;
import io.jdit.tensor.Tensor;

/**
 * Shift, scale and gate of a stream, which may begin with tokens of one modulation and go on with
 * tokens of another.
 *
 * @param first [B, 3D] for the first tokens
 * @param rest for those after them; null where there is one modulation
 * @param count tokens of the first
 */
record Modulation(Tensor first, Tensor rest, long count) {
  /** LN(x) (1 + scale) + shift; x [B, N, D]. */
  Tensor modulated(Tensor x) {
    if (rest == null) {
      return modulated(x, first);
    }
    return Tensor.cat(
        1,
        modulated(x.narrow(1, 0, count), first),
        modulated(x.narrow(1, count, x.size(1) - count), rest));
  }

  private static Tensor modulated(Tensor x, Tensor mod) {
    Tensor[] m = mod.chunk(3, -1);
    return Kernels.layerNormModulate(x, m[1], m[0], EPS);
  }

  /** x + gate y. */
  Tensor added(Tensor x, Tensor y) {
    if (rest == null) {
      return added(x, y, first);
    }
    long others = x.size(1) - count;
    return Tensor.cat(
        1,
        added(x.narrow(1, 0, count), y.narrow(1, 0, count), first),
        added(x.narrow(1, count, others), y.narrow(1, count, others), rest));
  }

  private static Tensor added(Tensor x, Tensor y, Tensor mod) {
    return Kernels.gatedResidual(x, mod.chunk(3, -1)[2], y);
  }
}
