package io.jdit.vae;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;

/**
 * Work in windows of time that overlap (diffusers' _temporal_tiled_decode and _encode): each but
 * the first loses its first frame, fades in over the last frames of the one before, and gives what
 * the next one does not cover. Only the end of a window is held.
 *
 * @param window frames of the input
 * @param stride distance of windows in the input
 * @param blend frames of the result that are blended
 * @param keep frames of the result that a window gives; the first gives one more
 */
record TimeWindows(int window, int stride, int blend, int keep) {
  /**
   * @param x [B, C, T, H, W]
   * @param work what is done with a window
   * @param total frames of the result
   * @param parts takes the result's frames in order, in the innermost scope
   */
  void run(Tensor x, UnaryOperator<Tensor> work, long total, Consumer<Tensor> parts) {
    Tensor tail = null; // last frames of the window before
    long given = 0;
    try {
      for (long start = 0; start < x.size(2); start += stride) {
        try (TensorScope scope = TensorScope.open()) {
          long length = Math.min(window, x.size(2) - start);
          Tensor y = work.apply(x.narrow(2, start, length).contiguous());
          long dropped = start == 0 ? 0 : 1;
          long frames = y.size(2) - dropped;
          if (frames == 0) {
            break;
          }
          y = y.narrow(2, dropped, frames);
          if (tail != null) {
            fadeIn(tail, y);
          }
          long kept = Math.min(Math.min(keep + 1 - dropped, frames), total - given);
          if (kept > 0) {
            parts.accept(y.narrow(2, 0, kept));
          }
          given += kept;
          tail = replace(tail, y);
        }
      }
    } finally {
      if (tail != null) {
        tail.close();
      }
    }
  }

  private Tensor replace(Tensor old, Tensor y) {
    long length = Math.min(blend, y.size(2));
    Tensor last = TensorScope.detach(y.narrow(2, y.size(2) - length, length).copy());
    if (old != null) {
      old.close();
    }
    return last;
  }

  /** Frame i of n becomes (1 - i / n) of the window before and i / n of its own. */
  private static void fadeIn(Tensor tail, Tensor y) {
    long extent = Math.min(tail.size(2), y.size(2));
    for (long i = 0; i < extent; i++) {
      try (TensorScope scope = TensorScope.open()) {
        double weight = (double) i / extent;
        Tensor own = y.narrow(2, i, 1);
        Tensor before = tail.narrow(2, tail.size(2) - extent + i, 1);
        own.copy_(before.mul(1 - weight).add(own.mul(weight)));
      }
    }
  }
}
