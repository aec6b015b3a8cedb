package io.jdit.nn;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Patches of a video as tokens: a 3-D convolution whose kernel equals its stride, in two parts, so
 * that the patches can be shared out over ranks between them.
 */
public final class PatchEmbedding {
  private final DenseLinear projection;
  private final int[] patch;

  /**
   * @param patch edges of a patch in frames, rows and columns
   */
  public PatchEmbedding(Weights w, int channels, int dim, int[] patch) {
    this.projection = new DenseLinear(w, true, dim, channels, patch[0], patch[1], patch[2]);
    this.patch = patch.clone();
  }

  /**
   * The patches, frame slowest, then row, then column.
   *
   * @param x [B, C, T, H, W], lengths divisible by the patch's
   * @return [B, tokens, C pt ph pw]
   */
  public Tensor fold(Tensor x) {
    long t = x.size(2) / patch[0];
    long h = x.size(3) / patch[1];
    long w = x.size(4) / patch[2];
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          x.reshape(x.size(0), x.size(1), t, patch[0], h, patch[1], w, patch[2])
              .permute(0, 2, 4, 6, 1, 3, 5, 7)
              .reshape(x.size(0), t * h * w, -1));
    }
  }

  /** Folded patches to tokens, [B, N, dim]. */
  public Tensor forward(Tensor patches) {
    return projection.forward(patches);
  }
}
