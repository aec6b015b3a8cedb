package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.kernels.AttentionKernels;
import io.jdit.nn.Conv2d;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** diffusers' WanMidBlock: ResNet, attention inside each frame, ResNet. */
final class CausalMidBlock {
  private final CausalResnetBlock first;
  private final FrameAttention attention;
  private final CausalResnetBlock second;

  CausalMidBlock(Weights w, int channels) {
    first = new CausalResnetBlock(w.at("resnets.0"), channels, channels);
    attention = new FrameAttention(w.at("attentions.0"), channels);
    second = new CausalResnetBlock(w.at("resnets.1"), channels, channels);
  }

  Tensor forward(Tensor x, FrameCache cache) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = first.forward(x, cache);
      h = KlDecoder.replace(h, attention.forward(h));
      return scope.keep(second.forward(h, cache));
    }
  }

  /** One head of full width over the pixels of a frame. */
  private static final class FrameAttention {
    private final ChannelNorm norm;
    private final Conv2d toQkv;
    private final Conv2d proj;

    FrameAttention(Weights w, int c) {
      norm = new ChannelNorm(w.at("norm"), c, 2);
      toQkv = new Conv2d(w.at("to_qkv"), c, 3 * c, 1, 1, 0);
      proj = new Conv2d(w.at("proj"), c, c, 1, 1, 0);
    }

    Tensor forward(Tensor x) {
      try (TensorScope scope = TensorScope.open()) {
        long b = x.size(0);
        long c = x.size(1);
        long t = x.size(2);
        Tensor frames = x.transpose(1, 2).reshape(b * t, c, x.size(3), x.size(4));
        Tensor qkv = toQkv.forward(norm.forward(frames)).flatten(2, 3); // [B T, 3 C, H W]
        Tensor[] heads = qkv.transpose(1, 2).contiguous().unsqueeze(2).chunk(3, 3);
        Tensor o =
            AttentionKernels.attention(heads[0], heads[1], heads[2], 1 / Math.sqrt(c), false);
        Tensor pixels = o.squeeze(2).transpose(1, 2).reshape(frames.shape());
        Tensor y = proj.forward(pixels).add(frames);
        return scope.keep(y.view(b, t, c, x.size(3), x.size(4)).transpose(1, 2).contiguous());
      }
    }
  }
}
