package io.jdit.vae;

import io.jdit.tensor.Tensor;
import java.util.function.Consumer;

/** A decoder of latents of pictures and videos; a picture is a video of one frame. */
public interface Autoencoder {
  /**
   * Decodes latents that are scaled and shifted back already, frame after frame in order of time.
   *
   * @param z [1, C, T, h, w]
   * @param sharing who decodes tiles; null decodes the whole at once
   * @param frames takes each frame, [3, H, W], about -1 to 1, in the innermost scope
   */
  void decode(Tensor z, TileSharing sharing, Consumer<Tensor> frames);

  /** Pixels per latent pixel, in each direction. */
  int scaleFactor();
}
