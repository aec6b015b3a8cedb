package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.GroupNorm;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** Blocks that the encoder and the decoder of AutoencoderKLHunyuanVideo are made of. */
final class HunyuanBlocks {
  private HunyuanBlocks() {}

  /** diffusers' HunyuanVideoResnetBlockCausal3D; norms are over all frames. */
  static final class Resnet {
    private final GroupNorm norm1;
    private final ReplicatedConv3d conv1;
    private final GroupNorm norm2;
    private final ReplicatedConv3d conv2;
    private final ReplicatedConv3d convShortcut;

    Resnet(Weights w, int groups, int in, int out) {
      norm1 = new GroupNorm(w.at("norm1"), groups, in, ResnetBlock.EPS);
      conv1 = new ReplicatedConv3d(w.at("conv1"), in, out, 3);
      norm2 = new GroupNorm(w.at("norm2"), groups, out, ResnetBlock.EPS);
      conv2 = new ReplicatedConv3d(w.at("conv2"), out, out, 3);
      convShortcut = in == out ? null : new ReplicatedConv3d(w.at("conv_shortcut"), in, out, 1);
    }

    Tensor forward(Tensor x) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor h = step(x, norm1, conv1);
        h = KlDecoder.replace(h, step(h, norm2, conv2));
        return scope.keep(h.add(convShortcut == null ? x : convShortcut.forward(x)));
      }
    }
  }

  /** ResNet, attention, ResNet. */
  static final class Mid {
    private final Resnet first;
    private final PixelAttention attention;
    private final Resnet second;

    Mid(Weights w, HunyuanVaeConfig config, int channels) {
      int groups = config.normNumGroups();
      first = new Resnet(w.at("resnets.0"), groups, channels, channels);
      attention =
          config.midBlockAddAttention()
              ? new PixelAttention(w.at("attentions.0"), groups, channels)
              : null;
      second = new Resnet(w.at("resnets.1"), groups, channels, channels);
    }

    Tensor forward(Tensor x) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor h = first.forward(x);
        if (attention != null) {
          h = attention.forward(h);
        }
        return scope.keep(second.forward(h));
      }
    }
  }

  /** conv(silu(norm(x))) */
  static Tensor step(Tensor x, GroupNorm norm, ReplicatedConv3d conv) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor n = norm.forward(x);
      Functional.silu_(n);
      return scope.keep(conv.forward(n));
    }
  }

  /** Twice the height and width; twice the frames but the first, which stays one. */
  static Tensor enlarge(Tensor x, boolean inTime) {
    long t = x.size(2);
    long h = 2 * x.size(3);
    long w = 2 * x.size(4);
    if (!inTime || t == 1) {
      return Functional.upsampleNearest3d(x, t, h, w);
    }
    try (TensorScope scope = TensorScope.open()) {
      Tensor first = Functional.upsampleNearest3d(x.narrow(2, 0, 1), 1, h, w);
      Tensor others = Functional.upsampleNearest3d(x.narrow(2, 1, t - 1), 2 * (t - 1), h, w);
      return scope.keep(Tensor.cat(2, first, others));
    }
  }
}
