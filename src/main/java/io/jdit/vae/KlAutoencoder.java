package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.function.Consumer;

/** diffusers' AutoencoderKL. */
public final class KlAutoencoder implements Autoencoder {
  /**
   * Diagonal normal distribution of latents, each [B, latentChannels, ..., h, w].
   *
   * @param logvar clamped to [-30, 20]
   */
  public record Moments(Tensor mean, Tensor logvar) {
    /** Of what an encoder gives, [B, 2 latentChannels, ...]; belongs to the innermost scope. */
    static Moments of(Tensor joined) {
      try (TensorScope scope = TensorScope.open()) {
        Tensor[] halves = joined.chunk(2, 1);
        Tensor logvar = halves[1].clamp(-30, 20);
        return new Moments(scope.keep(halves[0].contiguous()), scope.keep(logvar));
      }
    }

    Moments keepIn(TensorScope scope) {
      scope.keep(mean);
      scope.keep(logvar);
      return this;
    }
  }

  private final KlConfig config;
  private final KlEncoder encoder;
  private final KlDecoder decoder;
  private final Tiling tiles;

  public KlAutoencoder(KlConfig config, Weights w) {
    this.config = config;
    this.encoder = new KlEncoder(config, w);
    this.decoder = new KlDecoder(config, w);
    this.tiles = Tiling.overlapping(config.sampleSize(), config.scaleFactor());
  }

  public KlConfig config() {
    return config;
  }

  /**
   * Decodes latents that are already divided by the scaling factor and shifted.
   *
   * @param z [B, latentChannels, h, w]
   * @return [B, 3, h f, w f], about -1 to 1
   */
  public Tensor decode(Tensor z) {
    return decoder.forward(z);
  }

  @Override
  public void decode(Tensor z, TileSharing sharing, Consumer<Tensor> frames) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor picture = z.squeeze(2);
      Tensor x = sharing == null ? decode(picture) : decodeTiled(picture, sharing);
      frames.accept(x.select(0, 0));
    }
  }

  /**
   * As {@link #decode(Tensor)}, in overlapping tiles that are blended: memory is bounded by the
   * tile.
   *
   * @param sharing who decodes which tile
   */
  Tensor decodeTiled(Tensor z, TileSharing sharing) {
    return tiles.run(z, decoder::forward, sharing, z.size(0), config.outChannels());
  }

  @Override
  public int scaleFactor() {
    return config.scaleFactor();
  }

  /**
   * Encodes pictures.
   *
   * @param x [B, 3, H, W], -1 to 1, H and W multiples of the scale factor
   */
  public Moments encode(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      return Moments.of(encoder.forward(x)).keepIn(scope);
    }
  }

  @Override
  public Tensor encode(Tensor x, TileSharing sharing) {
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(encode(x.squeeze(2)).mean().unsqueeze(2));
    }
  }
}
