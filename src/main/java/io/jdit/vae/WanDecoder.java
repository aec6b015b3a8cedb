package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** Latents [B, z, T, h, w] to folded frames, a latent frame at a time. */
final class WanDecoder {
  /**
   * @param shortcut frames that the level's shortcut makes of one; 0 without shortcut
   */
  private record Level(
      List<CausalResnetBlock> resnets, WanResample upsampler, int out, int shortcut) {
    Tensor forward(Tensor x, FrameCache cache) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor h = x;
        for (CausalResnetBlock resnet : resnets) {
          h = replace(h, resnet.forward(h, cache), x);
        }
        if (upsampler != null) {
          h = replace(h, upsampler.forward(h, cache), x);
        }
        if (shortcut > 0) {
          h.add_(Folding.duplicate(x, out, shortcut, cache.first()));
        }
        return scope.keep(h);
      }
    }
  }

  private final CausalConv3d postQuantConv;
  private final CausalConv3d convIn;
  private final CausalMidBlock midBlock;
  private final List<Level> upBlocks = new ArrayList<>();
  private final ChannelNorm normOut;
  private final CausalConv3d convOut;

  WanDecoder(WanVaeConfig config, Weights root) {
    Weights w = root.at("decoder");
    int z = config.zDim();
    int[] dims = config.decoderDims();
    postQuantConv = new CausalConv3d(root.at("post_quant_conv"), z, z, 1, 1);
    convIn = new CausalConv3d(w.at("conv_in"), z, dims[0], 3, 3);
    midBlock = new CausalMidBlock(w.at("mid_block"), dims[0]);
    for (int i = 0; i < config.levels(); i++) {
      upBlocks.add(level(config, w.at("up_blocks").at(i), i, dims));
    }
    int last = dims[dims.length - 1];
    normOut = new ChannelNorm(w.at("norm_out"), last, 3);
    convOut = new CausalConv3d(w.at("conv_out"), last, config.outChannels(), 3, 3);
  }

  private static Level level(WanVaeConfig config, Weights w, int i, int[] dims) {
    boolean residual = config.residual();
    // The upsampler of the level before halved the channels, unless levels are residual.
    int in = i > 0 && !residual ? dims[i] / 2 : dims[i];
    int out = dims[i + 1];
    List<CausalResnetBlock> resnets = new ArrayList<>();
    for (int j = 0; j <= config.numResBlocks(); j++) {
      resnets.add(new CausalResnetBlock(w.at("resnets").at(j), j == 0 ? in : out, out));
    }
    if (i == config.levels() - 1) {
      return new Level(resnets, null, out, 0);
    }
    boolean inTime = config.temporalUpsample(i);
    WanResample up =
        WanResample.up(
            w.at(residual ? "upsampler" : "upsamplers.0"), out, residual ? out : out / 2, inTime);
    return new Level(resnets, up, out, !residual ? 0 : inTime ? 2 : 1);
  }

  /**
   * @param chunks takes the frames of each latent frame, [B, out, t, H, W], in the innermost scope
   */
  void decode(Tensor z, Consumer<Tensor> chunks) {
    try (FrameCache cache = new FrameCache()) {
      for (int t = 0; t < z.size(2); t++) {
        try (TensorScope scope = TensorScope.open()) {
          chunks.accept(forward(z.narrow(2, t, 1), cache));
        }
        cache.next();
      }
    }
  }

  /** All frames, [B, out, T, H, W]. */
  Tensor decode(Tensor z) {
    try (TensorScope scope = TensorScope.open()) {
      List<Tensor> chunks = new ArrayList<>();
      TensorScope all = scope;
      decode(z, chunk -> chunks.add(TensorScope.detach(chunk)));
      chunks.forEach(all::adopt);
      return scope.keep(Tensor.cat(2, chunks.toArray(Tensor[]::new)));
    }
  }

  private Tensor forward(Tensor z, FrameCache cache) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = convIn.forward(postQuantConv.forward(z, cache), cache);
      h = KlDecoder.replace(h, midBlock.forward(h, cache));
      for (Level level : upBlocks) {
        h = KlDecoder.replace(h, level.forward(h, cache));
      }
      return scope.keep(CausalResnetBlock.step(h, normOut, convOut, cache));
    }
  }

  /** Closes {@code old}, except when the caller still needs it. */
  static Tensor replace(Tensor old, Tensor next, Tensor needed) {
    return old == needed ? next : KlDecoder.replace(old, next);
  }
}
