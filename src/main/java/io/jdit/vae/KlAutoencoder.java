package io.jdit.vae;

import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** diffusers' AutoencoderKL. */
public final class KlAutoencoder {
  /**
   * Diagonal normal distribution of latents, each [B, latentChannels, h, w].
   *
   * @param logvar clamped to [-30, 20]
   */
  public record Moments(Tensor mean, Tensor logvar) {}

  private final KlConfig config;
  private final KlEncoder encoder;
  private final KlDecoder decoder;

  public KlAutoencoder(KlConfig config, Weights w) {
    this.config = config;
    this.encoder = new KlEncoder(config, w);
    this.decoder = new KlDecoder(config, w);
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

  /** As {@link #decode}, in overlapping tiles that are blended: memory is bounded by the tile. */
  public Tensor decodeTiled(Tensor z) {
    return decodeTiled(z, TileSharing.here());
  }

  /** The same picture, the tiles shared out over ranks. */
  public Tensor decodeTiled(Tensor z, TileSharing sharing) {
    return TiledDecode.of(config).decode(z, decoder::forward, sharing);
  }

  /**
   * Encodes pictures.
   *
   * @param x [B, 3, H, W], -1 to 1, H and W multiples of the scale factor
   */
  public Moments encode(Tensor x) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor[] halves = encoder.forward(x).chunk(2, 1);
      return new Moments(scope.keep(halves[0].contiguous()), scope.keep(halves[1].clamp(-30, 20)));
    }
  }
}
