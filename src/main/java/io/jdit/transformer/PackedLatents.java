package io.jdit.transformer;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;

/**
 * Tokens of 2 x 2 latent pixels, as FLUX.1 and Qwen-Image have them: feature c * 4 + dy * 2 + dx of
 * token y * gridWidth + x.
 */
public final class PackedLatents {
  /** Latent pixels of a token in each direction. */
  public static final int PATCH = 2;

  private PackedLatents() {}

  /** [B, C, 2h, 2w] to [B, h w, 4C]. */
  public static Tensor pack(Tensor x) {
    long b = x.size(0);
    long c = x.size(1);
    long h = x.size(2) / 2;
    long w = x.size(3) / 2;
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          x.view(b, c, h, 2, w, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, h * w, 4 * c));
    }
  }

  /** [B, h w, 4C] to [B, C, 2h, 2w]. */
  public static Tensor unpack(Tensor x, long h, long w) {
    long b = x.size(0);
    long c = x.size(2) / 4;
    try (TensorScope scope = TensorScope.open()) {
      return scope.keep(
          x.view(b, h, w, c, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(b, c, 2 * h, 2 * w));
    }
  }
}
