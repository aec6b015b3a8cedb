package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Conv3d;
import io.jdit.nn.GroupNorm;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Latents [B, C, T, h, w] to frames [B, 3, 4 (T - 1) + 1, H, W]. */
final class HunyuanDecoder {
  private record Level(
      List<HunyuanBlocks.Resnet> resnets, ReplicatedConv3d upsampler, boolean inTime) {}

  private final Conv3d postQuantConv;
  private final ReplicatedConv3d convIn;
  private final HunyuanBlocks.Mid midBlock;
  private final List<Level> upBlocks = new ArrayList<>();
  private final GroupNorm convNormOut;
  private final ReplicatedConv3d convOut;

  HunyuanDecoder(HunyuanVaeConfig config, Weights root) {
    Weights w = root.at("decoder");
    int levels = config.levels();
    int groups = config.normNumGroups();
    int z = config.latentChannels();
    postQuantConv = HunyuanEncoder.pointwise(root.at("post_quant_conv"), z);
    int in = config.blockOutChannels()[levels - 1];
    convIn = new ReplicatedConv3d(w.at("conv_in"), z, in, 3);
    midBlock = new HunyuanBlocks.Mid(w.at("mid_block"), config, in);
    for (int i = 0; i < levels; i++) {
      Weights level = w.at("up_blocks").at(i);
      int out = config.blockOutChannels()[levels - 1 - i];
      List<HunyuanBlocks.Resnet> resnets = new ArrayList<>();
      for (int j = 0; j <= config.layersPerBlock(); j++) {
        resnets.add(
            new HunyuanBlocks.Resnet(level.at("resnets").at(j), groups, j == 0 ? in : out, out));
      }
      ReplicatedConv3d up =
          config.inSpace(i)
              ? new ReplicatedConv3d(level.at("upsamplers.0.conv"), out, out, 3)
              : null;
      upBlocks.add(new Level(resnets, up, config.inTime(i)));
      in = out;
    }
    convNormOut = new GroupNorm(w.at("conv_norm_out"), groups, in, ResnetBlock.EPS);
    convOut = new ReplicatedConv3d(w.at("conv_out"), in, config.outChannels(), 3);
  }

  Tensor forward(Tensor z) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = convIn.forward(postQuantConv.forward(z));
      h = KlDecoder.replace(h, midBlock.forward(h));
      for (Level level : upBlocks) {
        for (HunyuanBlocks.Resnet resnet : level.resnets) {
          h = KlDecoder.replace(h, resnet.forward(h));
        }
        if (level.upsampler != null) {
          h = KlDecoder.replace(h, HunyuanBlocks.enlarge(h, level.inTime));
          h = KlDecoder.replace(h, level.upsampler.forward(h));
        }
      }
      return scope.keep(HunyuanBlocks.step(h, convNormOut, convOut));
    }
  }
}
