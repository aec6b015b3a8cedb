package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Conv3d;
import io.jdit.nn.GroupNorm;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Frames [B, 3, T, H, W] to the moments [B, 2 C, 1 + (T - 1) / 4, h, w]. */
final class HunyuanEncoder {
  private record Level(List<HunyuanBlocks.Resnet> resnets, ReplicatedConv3d downsampler) {}

  private final ReplicatedConv3d convIn;
  private final List<Level> downBlocks = new ArrayList<>();
  private final HunyuanBlocks.Mid midBlock;
  private final GroupNorm convNormOut;
  private final ReplicatedConv3d convOut;
  private final Conv3d quantConv;

  HunyuanEncoder(HunyuanVaeConfig config, Weights root) {
    Weights w = root.at("encoder");
    int groups = config.normNumGroups();
    int in = config.blockOutChannels()[0];
    convIn = new ReplicatedConv3d(w.at("conv_in"), config.inChannels(), in, 3);
    for (int i = 0; i < config.levels(); i++) {
      Weights level = w.at("down_blocks").at(i);
      int out = config.blockOutChannels()[i];
      List<HunyuanBlocks.Resnet> resnets = new ArrayList<>();
      for (int j = 0; j < config.layersPerBlock(); j++) {
        resnets.add(
            new HunyuanBlocks.Resnet(level.at("resnets").at(j), groups, j == 0 ? in : out, out));
      }
      int[] stride = {config.inTime(i) ? 2 : 1, 2, 2};
      ReplicatedConv3d down =
          config.inSpace(i)
              ? new ReplicatedConv3d(level.at("downsamplers.0.conv"), out, out, 3, stride)
              : null;
      downBlocks.add(new Level(resnets, down));
      in = out;
    }
    midBlock = new HunyuanBlocks.Mid(w.at("mid_block"), config, in);
    convNormOut = new GroupNorm(w.at("conv_norm_out"), groups, in, ResnetBlock.EPS);
    int moments = 2 * config.latentChannels();
    convOut = new ReplicatedConv3d(w.at("conv_out"), in, moments, 3);
    quantConv = pointwise(root.at("quant_conv"), moments);
  }

  static Conv3d pointwise(Weights w, int channels) {
    int[] one = {1, 1, 1};
    return new Conv3d(w, channels, channels, one, one, new int[] {0, 0, 0});
  }

  Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = convIn.forward(x);
      for (Level level : downBlocks) {
        for (HunyuanBlocks.Resnet resnet : level.resnets) {
          h = KlDecoder.replace(h, resnet.forward(h));
        }
        if (level.downsampler != null) {
          h = KlDecoder.replace(h, level.downsampler.forward(h));
        }
      }
      h = KlDecoder.replace(h, midBlock.forward(h));
      return scope.keep(quantConv.forward(HunyuanBlocks.step(h, convNormOut, convOut)));
    }
  }
}
