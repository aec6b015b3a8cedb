package io.jdit.vae;

import io.jdit.tensor.Tensor;
import java.util.function.Consumer;

/** Encodes and decodes pictures and videos; a picture is a video of one frame. */
public interface Autoencoder {
  /**
   * Decodes latents that are scaled and shifted back already, frame after frame in order of time.
   *
   * @param z [1, C, T, h, w]
   * @param sharing who decodes tiles; null decodes the whole at once
   * @param frames takes each frame, [3, H, W], about -1 to 1, in the innermost scope
   */
  void decode(Tensor z, TileSharing sharing, Consumer<Tensor> frames);

  /**
   * Encodes a picture or video to the mean of its latents, which are not scaled or shifted yet.
   *
   * @param x [1, 3, T, H, W], -1 to 1, H and W multiples of the scale factor
   * @param sharing who encodes tiles; null encodes the whole at once
   * @return [1, C, 1 + (T - 1) / timeFactor, h, w]
   */
  Tensor encode(Tensor x, TileSharing sharing);

  /** Pixels per latent pixel, in each direction. */
  int scaleFactor();

  /** Frames per latent frame after the first, which stands for one. */
  default int timeFactor() {
    return 1;
  }
}
