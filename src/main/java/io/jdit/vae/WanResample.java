package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Conv3d;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** diffusers' WanResample. The first frame of a video is resampled in space alone. */
interface WanResample {
  /** x [B, C, T, H, W] to half or double the height and width, and perhaps frames. */
  Tensor forward(Tensor x, FrameCache cache);

  /** Doubles; {@code out} channels. */
  static WanResample up(Weights w, int channels, int out, boolean inTime) {
    Conv3d resample = Conv3d.ofFrames(w.at("resample.1"), channels, out, 3, 1, 1);
    CausalConv3d timeConv =
        inTime ? new CausalConv3d(w.at("time_conv"), channels, 2 * channels, 3, 1) : null;
    return (x, cache) -> {
      try (TensorScope scope = TensorScope.open()) {
        Tensor h = timeConv == null || cache.first() ? x : doubled(timeConv.forward(x, cache));
        Tensor large = Functional.upsampleNearest3d(h, h.size(2), 2 * h.size(3), 2 * h.size(4));
        return scope.keep(resample.forward(large));
      }
    };
  }

  /** Channels c and C + c of frame t become channel c of the frames 2 t and 2 t + 1. */
  private static Tensor doubled(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      long c = x.size(1) / 2;
      long t = x.size(2);
      Tensor pairs = x.reshape(x.size(0), 2, c, t, x.size(3), x.size(4));
      Tensor frames = pairs.permute(0, 2, 3, 1, 4, 5);
      return scope.keep(frames.reshape(x.size(0), c, 2 * t, x.size(3), x.size(4)));
    }
  }

  /** Halves. */
  static WanResample down(Weights w, int channels, boolean inTime) {
    Conv3d resample = Conv3d.ofFrames(w.at("resample.1"), channels, channels, 3, 2, 0);
    Conv3d timeConv = inTime ? halvingFrames(w.at("time_conv"), channels) : null;
    Object place = new Object();
    return (x, cache) -> {
      try (TensorScope scope = TensorScope.open()) {
        // The reference pads only right and bottom before its stride-2 convolution.
        Tensor h = resample.forward(Functional.pad2d(x, 0, 1, 0, 1));
        if (timeConv == null) {
          return scope.keep(h);
        }
        Tensor before = cache.get(place);
        Tensor y = before == null ? h : timeConv.forward(Tensor.cat(2, before, h));
        cache.put(place, h.narrow(2, h.size(2) - 1, 1).copy());
        return scope.keep(y);
      }
    };
  }

  private static Conv3d halvingFrames(Weights w, int channels) {
    return new Conv3d(
        w, channels, channels, new int[] {3, 1, 1}, new int[] {2, 1, 1}, new int[] {0, 0, 0});
  }
}
