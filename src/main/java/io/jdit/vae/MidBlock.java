package io.jdit.vae;

import io.jdit.checkpoint.Weights;
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
}
