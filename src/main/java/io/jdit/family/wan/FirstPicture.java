package io.jdit.family.wan;

import io.jdit.media.Picture;
import io.jdit.media.Resize;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/** The picture that a video begins with, as the autoencoder and the transformer take it. */
final class FirstPicture {
  private FirstPicture() {}

  /** A video of one frame of that size, its aspect ignored: float32 [1, 3, 1, H, W], -1 to 1. */
  static Tensor pixels(Picture picture, int width, int height) {
    Picture resized = Resize.LANCZOS.resize(picture, width, height);
    try (TensorScope scope = TensorScope.open()) {
      Tensor bytes = Tensor.of(resized.rgb(), height, width, 3).permute(2, 0, 1);
      Tensor unit = bytes.to(DType.FLOAT32).div(255);
      return scope.keep(unit.mul(2).add(-1).contiguous().unsqueeze(1).unsqueeze(0));
    }
  }

  /** The picture and nothing after it: [1, 3, frames, H, W]. */
  static Tensor asVideo(Tensor pixels, int frames) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor rest =
          Tensor.zeros(
              pixels.dtype(), pixels.device(), 1, 3, frames - 1L, pixels.size(3), pixels.size(4));
      return scope.keep(Tensor.cat(2, pixels, rest));
    }
  }

  /**
   * The encoded video with a mask in front of it, which is 1 in the first latent frame.
   *
   * @param z [1, C, T, h, w]
   * @return [1, 4 + C, T, h, w]
   */
  static Tensor masked(Tensor z) {
    Device device = z.device();
    int c = WanFolder.MASK_CHANNELS;
    try (TensorScope scope = TensorScope.open()) {
      Tensor first = Tensor.full(1, z.dtype(), device, 1, c, 1, z.size(3), z.size(4));
      Tensor rest = Tensor.zeros(z.dtype(), device, 1, c, z.size(2) - 1, z.size(3), z.size(4));
      return scope.keep(Tensor.cat(1, Tensor.cat(2, first, rest), z));
    }
  }

  /** The latents with the encoded picture in place of their first frame; z [B, C, 1, h, w]. */
  static Tensor replacing(Tensor latents, Tensor z) {
    return Tensor.cat(2, z.to(latents.dtype()), latents.narrow(2, 1, latents.size(2) - 1));
  }
}
