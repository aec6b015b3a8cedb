package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Conv2d;
import io.jdit.nn.GroupNorm;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Pictures [B, 3, H, W] to the moments [B, 2 latentChannels, H / f, W / f]. */
final class KlEncoder {
  private record Level(List<ResnetBlock> resnets, Conv2d downsampler) {}

  private final Conv2d convIn;
  private final List<Level> downBlocks = new ArrayList<>();
  private final MidBlock midBlock;
  private final GroupNorm convNormOut;
  private final Conv2d convOut;
  private final Conv2d quantConv;

  KlEncoder(KlConfig config, Weights root) {
    Weights w = root.at("encoder");
    int[] channels = config.blockOutChannels();
    int groups = config.normNumGroups();
    int in = channels[0];
    convIn = new Conv2d(w.at("conv_in"), config.inChannels(), in, 3, 1, 1);
    for (int i = 0; i < channels.length; i++) {
      Weights level = w.at("down_blocks").at(i);
      int out = channels[i];
      List<ResnetBlock> resnets = new ArrayList<>();
      for (int j = 0; j < config.layersPerBlock(); j++) {
        resnets.add(new ResnetBlock(level.at("resnets").at(j), groups, j == 0 ? in : out, out));
      }
      Conv2d down =
          i < channels.length - 1
              ? new Conv2d(level.at("downsamplers.0.conv"), out, out, 3, 2, 0)
              : null;
      downBlocks.add(new Level(resnets, down));
      in = out;
    }
    midBlock = new MidBlock(w.at("mid_block"), config, in);
    convNormOut = new GroupNorm(w.at("conv_norm_out"), groups, in, ResnetBlock.EPS);
    int moments = 2 * config.latentChannels();
    convOut = new Conv2d(w.at("conv_out"), in, moments, 3, 1, 1);
    quantConv =
        config.useQuantConv() ? new Conv2d(root.at("quant_conv"), moments, moments, 1, 1, 0) : null;
  }

  Tensor forward(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = convIn.forward(x);
      for (Level level : downBlocks) {
        for (ResnetBlock resnet : level.resnets) {
          h = KlDecoder.replace(h, resnet.forward(h));
        }
        if (level.downsampler != null) {
          // The reference pads only right and bottom before its stride-2 convolution.
          h = KlDecoder.replace(h, Functional.pad2d(h, 0, 1, 0, 1));
          h = KlDecoder.replace(h, level.downsampler.forward(h));
        }
      }
      h = KlDecoder.replace(h, midBlock.forward(h));
      Tensor moments = ResnetBlock.step(h, convNormOut, convOut);
      return scope.keep(quantConv == null ? moments : quantConv.forward(moments));
    }
  }
}
