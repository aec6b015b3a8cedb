package io.jdit.vae;

import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.ArrayList;
import java.util.List;

/** Decoding in tests. */
final class Videos {
  private Videos() {}

  /** All frames as [1, 3, T, H, W]. */
  static Tensor decode(Autoencoder vae, Tensor z, TileSharing sharing) {
    List<Tensor> frames = new ArrayList<>();
    try (TensorScope scope = TensorScope.open()) {
      vae.decode(z, sharing, frame -> frames.add(TensorScope.detach(frame.copy())));
      frames.forEach(scope::adopt);
      return scope.keep(Tensor.stack(1, frames.toArray(Tensor[]::new)).unsqueeze(0));
    }
  }
}
