package io.jdit.vae;

import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** Pixels and frames folded into channels, and back. */
final class Folding {
  private Folding() {}

  /** [B, 3, T, H, W] to [B, 3 p p, T, H / p, W / p]: channel (colour p + column) p + row. */
  static Tensor patchify(Tensor x, int p) {
    if (p == 1) {
      return x;
    }
    try (TensorScope scope = TensorScope.open()) {
      long b = x.size(0);
      long t = x.size(2);
      long h = x.size(3) / p;
      long w = x.size(4) / p;
      Tensor squares = x.reshape(b, x.size(1), t, h, p, w, p);
      Tensor folded = squares.permute(0, 1, 6, 4, 2, 3, 5);
      return scope.keep(folded.reshape(b, x.size(1) * p * p, t, h, w));
    }
  }

  /** The inverse of {@link #patchify}. */
  static Tensor unpatchify(Tensor x, int p) {
    if (p == 1) {
      return x;
    }
    try (TensorScope scope = TensorScope.open()) {
      long b = x.size(0);
      long c = x.size(1) / (p * p);
      long t = x.size(2);
      Tensor squares = x.reshape(b, c, p, p, t, x.size(3), x.size(4));
      Tensor pixels = squares.permute(0, 1, 4, 5, 3, 6, 2);
      return scope.keep(pixels.reshape(b, c, t, x.size(3) * p, x.size(4) * p));
    }
  }

  /**
   * Shortcut over a level of the encoder that halves (diffusers' AvgDown3D): ft frames and fs x fs
   * pixels become channels in the order (c, t, y, x), and groups of neighbouring channels their
   * mean. Frames are filled up with zeros in front.
   */
  static Tensor average(Tensor x, int out, int ft, int fs) {
    try (TensorScope scope = TensorScope.open()) {
      long missing = (ft - x.size(2) % ft) % ft;
      Tensor whole = missing == 0 ? x : Functional.padFramesInFront(x, missing);
      long b = x.size(0);
      long t = whole.size(2) / ft;
      long h = x.size(3) / fs;
      long w = x.size(4) / fs;
      Tensor blocks = whole.reshape(b, x.size(1), t, ft, h, fs, w, fs);
      Tensor groups =
          blocks
              .permute(0, 1, 3, 5, 7, 2, 4, 6)
              .reshape(b, out, x.size(1) * ft * fs * fs / out, t, h, w);
      return scope.keep(groups.mean(2, false));
    }
  }

  /**
   * Shortcut over a level of the decoder that doubles (diffusers' DupUp3D): channels are repeated
   * and spread over ft frames and 2 x 2 pixels.
   *
   * @param first the first ft - 1 frames are dropped
   */
  static Tensor duplicate(Tensor x, int out, int ft, boolean first) {
    try (TensorScope scope = TensorScope.open()) {
      long b = x.size(0);
      long t = x.size(2);
      long h = x.size(3);
      long w = x.size(4);
      Tensor channels = x.repeatInterleave(4L * out * ft / x.size(1), 1);
      Tensor spread =
          channels
              .view(b, out, ft, 2, 2, t, h, w)
              .permute(0, 1, 5, 2, 6, 3, 7, 4)
              .reshape(b, out, t * ft, 2 * h, 2 * w);
      return scope.keep(first ? spread.narrow(2, ft - 1, t * ft - (ft - 1)) : spread);
    }
  }
}
