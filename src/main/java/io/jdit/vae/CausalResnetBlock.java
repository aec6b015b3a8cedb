package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** diffusers' WanResidualBlock. */
final class CausalResnetBlock {
  private final ChannelNorm norm1;
  private final CausalConv3d conv1;
  private final ChannelNorm norm2;
  private final CausalConv3d conv2;
  private final CausalConv3d convShortcut;

  CausalResnetBlock(Weights w, int in, int out) {
    norm1 = new ChannelNorm(w.at("norm1"), in, 3);
    conv1 = new CausalConv3d(w.at("conv1"), in, out, 3, 3);
    norm2 = new ChannelNorm(w.at("norm2"), out, 3);
    conv2 = new CausalConv3d(w.at("conv2"), out, out, 3, 3);
    convShortcut = in == out ? null : new CausalConv3d(w.at("conv_shortcut"), in, out, 1, 1);
  }

  Tensor forward(Tensor x, FrameCache cache) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = step(x, norm1, conv1, cache);
      h = KlDecoder.replace(h, step(h, norm2, conv2, cache));
      return scope.keep(h.add(convShortcut == null ? x : convShortcut.forward(x, cache)));
    }
  }

  /** conv(silu(norm(x))) */
  static Tensor step(Tensor x, ChannelNorm norm, CausalConv3d conv, FrameCache cache) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(conv.forward(norm.forwardSilu(x), cache));
    }
  }
}
