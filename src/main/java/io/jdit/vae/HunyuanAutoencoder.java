package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * diffusers' AutoencoderKLHunyuanVideo. Longer videos are computed in windows of time, always: the
 * model's norms and attention are over whole windows, so that they are a part of its arithmetic.
 */
public final class HunyuanAutoencoder implements Autoencoder {
  private static final int TILE = 256;
  private static final int STRIDE = 192;
  private static final int FRAMES = 16; // of a window
  private static final int FRAME_STRIDE = 12;

  private final HunyuanVaeConfig config;
  private final HunyuanEncoder encoder;
  private final HunyuanDecoder decoder;
  private final Tiling decodeTiles;
  private final Tiling encodeTiles;
  private final TimeWindows decodeWindows;
  private final TimeWindows encodeWindows;

  public HunyuanAutoencoder(HunyuanVaeConfig config, Weights w) {
    this(config, w, TILE, STRIDE);
  }

  /**
   * @param tile edge of tiles in pixels, {@code stride} their distance
   */
  HunyuanAutoencoder(HunyuanVaeConfig config, Weights w, int tile, int stride) {
    this.config = config;
    this.encoder = new HunyuanEncoder(config, w);
    this.decoder = new HunyuanDecoder(config, w);
    this.decodeTiles = Tiling.decoding(tile, stride, config.spatial());
    this.encodeTiles = Tiling.encoding(tile, stride, config.spatial());
    int latents = FRAMES / config.temporal();
    int latentStride = FRAME_STRIDE / config.temporal();
    this.decodeWindows =
        new TimeWindows(latents + 1, latentStride, FRAMES - FRAME_STRIDE, FRAME_STRIDE);
    this.encodeWindows =
        new TimeWindows(FRAMES + 1, FRAME_STRIDE, latents - latentStride, latentStride);
  }

  public HunyuanVaeConfig config() {
    return config;
  }

  @Override
  public int scaleFactor() {
    return config.spatial();
  }

  @Override
  public int timeFactor() {
    return config.temporal();
  }

  @Override
  public void decode(Tensor z, TileSharing sharing, Consumer<Tensor> frames) {
    try (TensorScope scope = TensorScope.open()) {
      if (z.size(2) <= FRAMES / config.temporal()) {
        each(decodeWindow(z, sharing), frames);
      } else {
        long total = 1 + (z.size(2) - 1) * timeFactor();
        decodeWindows.run(z, w -> decodeWindow(w, sharing), total, part -> each(part, frames));
      }
    }
  }

  private Tensor decodeWindow(Tensor z, TileSharing sharing) {
    long[] lead = {z.size(0), config.outChannels(), 1 + (z.size(2) - 1) * timeFactor()};
    return sharing == null
        ? decoder.forward(z)
        : decodeTiles.run(z, decoder::forward, sharing, lead);
  }

  private static void each(Tensor part, Consumer<Tensor> frames) {
    for (int t = 0; t < part.size(2); t++) {
      try (TensorScope scope = TensorScope.open()) {
        frames.accept(part.select(0, 0).select(1, t));
      }
    }
  }

  @Override
  public Tensor encode(Tensor x, TileSharing sharing) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(moments(x, sharing).mean());
    }
  }

  KlAutoencoder.Moments moments(Tensor x, TileSharing sharing) {
    try (TensorScope scope = TensorScope.open()) {
      if (x.size(2) <= FRAMES) {
        return KlAutoencoder.Moments.of(encodeWindow(x, sharing)).keepIn(scope);
      }
      List<Tensor> parts = new ArrayList<>();
      encodeWindows.run(
          x,
          w -> encodeWindow(w, sharing),
          latentFrames(x.size(2)),
          part -> parts.add(TensorScope.detach(part.copy())));
      parts.forEach(scope::adopt);
      Tensor joined = Tensor.cat(2, parts.toArray(Tensor[]::new));
      return KlAutoencoder.Moments.of(joined).keepIn(scope);
    }
  }

  private Tensor encodeWindow(Tensor x, TileSharing sharing) {
    long[] lead = {x.size(0), 2L * config.latentChannels(), latentFrames(x.size(2))};
    return sharing == null
        ? encoder.forward(x)
        : encodeTiles.run(x, encoder::forward, sharing, lead);
  }

  private long latentFrames(long frames) {
    return 1 + (frames - 1) / timeFactor();
  }
}
