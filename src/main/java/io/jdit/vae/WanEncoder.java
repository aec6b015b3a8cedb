package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Folded frames [B, C, T, H, W] to the moments [B, 2 z, T', h, w], a latent frame at a time. */
final class WanEncoder {
  /** A residual block or a resampler. */
  @FunctionalInterface
  private interface Layer {
    Tensor forward(Tensor x, FrameCache cache);
  }

  private final int timeFactor;
  private final CausalConv3d convIn;
  private final List<Layer> downBlocks = new ArrayList<>();
  private final CausalMidBlock midBlock;
  private final ChannelNorm normOut;
  private final CausalConv3d convOut;
  private final CausalConv3d quantConv;

  WanEncoder(WanVaeConfig config, Weights root) {
    Weights w = root.at("encoder");
    int[] dims = config.encoderDims();
    timeFactor = config.timeFactor();
    convIn = new CausalConv3d(w.at("conv_in"), config.inChannels(), dims[0], 3, 3);
    if (config.residual()) {
      residualLevels(config, w.at("down_blocks"), dims);
    } else {
      flatLevels(config, w.at("down_blocks"), dims);
    }
    int last = dims[dims.length - 1];
    midBlock = new CausalMidBlock(w.at("mid_block"), last);
    normOut = new ChannelNorm(w.at("norm_out"), last, 3);
    int moments = 2 * config.zDim();
    convOut = new CausalConv3d(w.at("conv_out"), last, moments, 3, 3);
    quantConv = new CausalConv3d(root.at("quant_conv"), moments, moments, 1, 1);
  }

  /** Residual blocks and resamplers are numbered through. */
  private void flatLevels(WanVaeConfig config, Weights w, int[] dims) {
    for (int i = 0; i < config.levels(); i++) {
      for (int j = 0; j < config.numResBlocks(); j++) {
        int in = j == 0 ? dims[i] : dims[i + 1];
        downBlocks.add(new CausalResnetBlock(w.at(downBlocks.size()), in, dims[i + 1])::forward);
      }
      if (i < config.levels() - 1) {
        boolean inTime = config.temporalDownsample()[i];
        downBlocks.add(WanResample.down(w.at(downBlocks.size()), dims[i + 1], inTime)::forward);
      }
    }
  }

  private void residualLevels(WanVaeConfig config, Weights root, int[] dims) {
    for (int i = 0; i < config.levels(); i++) {
      Weights w = root.at(i);
      int out = dims[i + 1];
      List<Layer> layers = new ArrayList<>();
      for (int j = 0; j < config.numResBlocks(); j++) {
        int in = j == 0 ? dims[i] : out;
        layers.add(new CausalResnetBlock(w.at("resnets").at(j), in, out)::forward);
      }
      boolean down = i < config.levels() - 1;
      boolean inTime = down && config.temporalDownsample()[i];
      if (down) {
        layers.add(WanResample.down(w.at("downsampler"), out, inTime)::forward);
      }
      downBlocks.add(
          (x, cache) -> {
            try (TensorScope scope = TensorScope.open()) {
              Tensor h = through(layers, x, cache);
              return scope.keep(h.add(Folding.average(x, out, inTime ? 2 : 1, down ? 2 : 1)));
            }
          });
    }
  }

  private static Tensor through(List<Layer> layers, Tensor x, FrameCache cache) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = x;
      for (Layer layer : layers) {
        h = WanDecoder.replace(h, layer.forward(h, cache), x);
      }
      return scope.keep(h);
    }
  }

  /** Latent frames of {@code frames} frames; those after the last full group are ignored. */
  long latentFrames(long frames) {
    return 1 + (frames - 1) / timeFactor;
  }

  Tensor encode(Tensor x) {
    try (TensorScope scope = TensorScope.open();
        FrameCache cache = new FrameCache()) {
      Tensor[] latents = new Tensor[(int) latentFrames(x.size(2))];
      for (int i = 0; i < latents.length; i++) {
        long start = i == 0 ? 0 : 1 + (long) (i - 1) * timeFactor;
        latents[i] = forward(x.narrow(2, start, i == 0 ? 1 : timeFactor), cache);
        cache.next();
      }
      return scope.keep(quantConv.forward(Tensor.cat(2, latents), cache));
    }
  }

  private Tensor forward(Tensor x, FrameCache cache) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor h = through(downBlocks, convIn.forward(x, cache), cache);
      h = KlDecoder.replace(h, midBlock.forward(h, cache));
      return scope.keep(CausalResnetBlock.step(h, normOut, convOut, cache));
    }
  }
}
