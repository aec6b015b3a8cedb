package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.AttentionKernels;
import io.jdit.nn.DenseLinear;
import io.jdit.nn.GroupNorm;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Attention over all pixels with one head of full width; pixels of a video see their own frame and
 * those before it.
 */
final class PixelAttention {
  private final GroupNorm groupNorm;
  private final DenseLinear toQ;
  private final DenseLinear toK;
  private final DenseLinear toV;
  private final DenseLinear toOut;

  PixelAttention(Weights w, int groups, int c) {
    groupNorm = new GroupNorm(w.at("group_norm"), groups, c, ResnetBlock.EPS);
    toQ = new DenseLinear(w.at("to_q"), c, c, true);
    toK = new DenseLinear(w.at("to_k"), c, c, true);
    toV = new DenseLinear(w.at("to_v"), c, c, true);
    toOut = new DenseLinear(w.at("to_out.0"), c, c, true);
  }

  /** x [B, C, H, W] or [B, C, T, H, W]. */
  Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      int last = x.dim() - 1;
      int frames = last == 4 ? (int) x.size(2) : 1;
      Tensor n = groupNorm.forward(x.flatten(2, last)).transpose(1, 2); // [B, T H W, C]
      Tensor o = attend(toQ.forward(n), toK.forward(n), toV.forward(n), frames);
      return scope.keep(toOut.forward(o).transpose(1, 2).reshape(x.shape()).add(x));
    }
  }

  /** Frame by frame: a mask over all pairs of pixels would be larger than everything else. */
  private static Tensor attend(Tensor q, Tensor k, Tensor v, int frames) {
    try (TensorScope scope = TensorScope.open()) {
      long pixels = q.size(1) / frames;
      Tensor[] o = new Tensor[frames];
      for (int t = 0; t < frames; t++) {
        o[t] =
            AttentionKernels.attention(
                    q.narrow(1, t * pixels, pixels).unsqueeze(2),
                    k.narrow(1, 0, (t + 1) * pixels).unsqueeze(2),
                    v.narrow(1, 0, (t + 1) * pixels).unsqueeze(2),
                    1 / Math.sqrt(q.size(2)),
                    false)
                .squeeze(2);
      }
      return scope.keep(frames == 1 ? o[0] : Tensor.cat(1, o));
    }
  }
}
