package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Conv2d;
import io.jdit.nn.GroupNorm;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** diffusers' ResnetBlock2D without time embedding. */
final class ResnetBlock {
  static final double EPS = 1e-6;

  private final GroupNorm norm1;
  private final Conv2d conv1;
  private final GroupNorm norm2;
  private final Conv2d conv2;
  private final Conv2d convShortcut;

  ResnetBlock(Weights w, int groups, int in, int out) {
    norm1 = new GroupNorm(w.at("norm1"), groups, in, EPS);
    conv1 = new Conv2d(w.at("conv1"), in, out, 3, 1, 1);
    norm2 = new GroupNorm(w.at("norm2"), groups, out, EPS);
    conv2 = new Conv2d(w.at("conv2"), out, out, 3, 1, 1);
    convShortcut = in == out ? null : new Conv2d(w.at("conv_shortcut"), in, out, 1, 1, 0);
  }

  Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = step(x, norm1, conv1);
      h = step(h, norm2, conv2);
      return scope.keep(h.add(convShortcut == null ? x : convShortcut.forward(x)));
    }
  }

  /** conv(silu(norm(x))); what lies between is the peak of a decode. */
  static Tensor step(Tensor x, GroupNorm norm, Conv2d conv) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor n = norm.forward(x);
      Functional.silu_(n);
      return scope.keep(conv.forward(n));
    }
  }
}
