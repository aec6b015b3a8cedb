package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.nn.Conv2d;
import io.jdit.nn.GroupNorm;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Latents [B, latentChannels, h, w] to pictures [B, 3, h f, w f]. */
final class KlDecoder {
  private record Level(List<ResnetBlock> resnets, Conv2d upsampler) {}

  private final Conv2d postQuantConv;
  private final Conv2d convIn;
  private final MidBlock midBlock;
  private final List<Level> upBlocks = new ArrayList<>();
  private final GroupNorm convNormOut;
  private final Conv2d convOut;

  KlDecoder(KlConfig config, Weights root) {
    Weights w = root.at("decoder");
    int[] channels = config.decoderBlockOutChannels();
    int levels = channels.length;
    int groups = config.normNumGroups();
    int z = config.latentChannels();
    postQuantConv =
        config.usePostQuantConv() ? new Conv2d(root.at("post_quant_conv"), z, z, 1, 1, 0) : null;
    int in = channels[levels - 1];
    convIn = new Conv2d(w.at("conv_in"), z, in, 3, 1, 1);
    midBlock = new MidBlock(w.at("mid_block"), config, in);
    for (int i = 0; i < levels; i++) {
      Weights level = w.at("up_blocks").at(i);
      int out = channels[levels - 1 - i];
      List<ResnetBlock> resnets = new ArrayList<>();
      for (int j = 0; j <= config.layersPerBlock(); j++) {
        resnets.add(new ResnetBlock(level.at("resnets").at(j), groups, j == 0 ? in : out, out));
      }
      Conv2d up =
          i < levels - 1 ? new Conv2d(level.at("upsamplers.0.conv"), out, out, 3, 1, 1) : null;
      upBlocks.add(new Level(resnets, up));
      in = out;
    }
    convNormOut = new GroupNorm(w.at("conv_norm_out"), groups, in, ResnetBlock.EPS);
    convOut = new Conv2d(w.at("conv_out"), in, config.outChannels(), 3, 1, 1);
  }

  Tensor forward(Tensor z) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = convIn.forward(postQuantConv == null ? z : postQuantConv.forward(z));
      h = replace(h, midBlock.forward(h));
      for (Level level : upBlocks) {
        for (ResnetBlock resnet : level.resnets) {
          h = replace(h, resnet.forward(h));
        }
        if (level.upsampler != null) {
          h = replace(h, Functional.upsampleNearest2x(h));
          h = replace(h, level.upsampler.forward(h));
        }
      }
      return scope.keep(ResnetBlock.step(h, convNormOut, convOut));
    }
  }

  static Tensor replace(Tensor old, Tensor next) {
    old.close();
    return next;
  }
}
