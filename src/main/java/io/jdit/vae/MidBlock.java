package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.Kernels;
import io.jdit.nn.DenseLinear;
import io.jdit.nn.GroupNorm;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * diffusers' UNetMidBlock2D: ResNet, attention over all pixels with one head of full width, ResNet.
 */
final class MidBlock {
  private final ResnetBlock first;
  private final PixelAttention attention;
  private final ResnetBlock second;

  MidBlock(Weights w, KlConfig config, int channels) {
    first = new ResnetBlock(w.at("resnets.0"), config.normNumGroups(), channels, channels);
    attention =
        config.midBlockAddAttention()
            ? new PixelAttention(w.at("attentions.0"), config.normNumGroups(), channels)
            : null;
    second = new ResnetBlock(w.at("resnets.1"), config.normNumGroups(), channels, channels);
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

  private static final class PixelAttention {
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

    Tensor forward(Tensor x) {
      try (TensorScope scope = TensorScope.open()) {
        long height = x.size(2);
        long width = x.size(3);
        Tensor n = groupNorm.forward(x.flatten(2, 3)).transpose(1, 2); // [B, HW, C]
        Tensor o =
            Kernels.attention(
                toQ.forward(n).unsqueeze(2),
                toK.forward(n).unsqueeze(2),
                toV.forward(n).unsqueeze(2),
                1 / Math.sqrt(x.size(1)),
                false);
        Tensor y =
            toOut
                .forward(o.squeeze(2))
                .transpose(1, 2)
                .reshape(x.size(0), x.size(1), height, width);
        return scope.keep(y.add(x));
      }
    }
  }
}
