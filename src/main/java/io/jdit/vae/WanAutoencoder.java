package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.Consumer;

/**
 * diffusers' AutoencoderKLWan and AutoencoderKLQwenImage: causal in time, so that a picture is a
 * video of one frame and a video is decoded a latent frame at a time in memory that does not grow
 * with it.
 */
public final class WanAutoencoder implements Autoencoder {
  private static final int TILE = 256;
  private static final int STRIDE = 192;

  private final WanVaeConfig config;
  private final WanEncoder encoder;
  private final WanDecoder decoder;
  private final Tiling decodeTiles;
  private final Tiling encodeTiles;

  public WanAutoencoder(WanVaeConfig config, Weights w) {
    this(config, w, TILE, STRIDE);
  }

  /**
   * @param tile edge of tiles in pixels, {@code stride} their distance
   */
  WanAutoencoder(WanVaeConfig config, Weights w, int tile, int stride) {
    this.config = config;
    this.encoder = new WanEncoder(config, w);
    this.decoder = new WanDecoder(config, w);
    // Tiles are blended before they are unfolded.
    int edge = tile / config.patch();
    int distance = stride / config.patch();
    this.decodeTiles = Tiling.decoding(edge, distance, config.foldedScale());
    this.encodeTiles = Tiling.encoding(edge, distance, config.foldedScale());
  }

  public WanVaeConfig config() {
    return config;
  }

  @Override
  public int scaleFactor() {
    return config.scaleFactor();
  }

  @Override
  public int timeFactor() {
    return config.timeFactor();
  }

  @Override
  public void decode(Tensor z, TileSharing sharing, Consumer<Tensor> frames) {
    if (sharing == null) {
      decoder.decode(z, chunk -> unfold(chunk, frames));
      return;
    }
    try (TensorScope scope = TensorScope.open()) {
      long count = 1 + (z.size(2) - 1) * timeFactor();
      long[] lead = {z.size(0), config.outChannels(), count};
      unfold(decodeTiles.run(z, decoder::decode, sharing, lead), frames);
    }
  }

  private void unfold(Tensor folded, Consumer<Tensor> frames) {
    for (int t = 0; t < folded.size(2); t++) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor frame = Folding.unpatchify(folded.narrow(2, t, 1), config.patch()).clamp(-1, 1);
        frames.accept(frame.select(0, 0).select(1, 0));
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
      Tensor folded = Folding.patchify(x, config.patch());
      long[] lead = {x.size(0), 2L * config.zDim(), encoder.latentFrames(x.size(2))};
      Tensor joined =
          sharing == null
              ? encoder.encode(folded)
              : encodeTiles.run(folded, encoder::encode, sharing, lead);
      return KlAutoencoder.Moments.of(joined).keepIn(scope);
    }
  }
}
