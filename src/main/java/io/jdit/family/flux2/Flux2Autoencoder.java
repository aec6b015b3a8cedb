package io.jdit.family.flux2;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.transformer.Grid;
import io.jdit.transformer.PackedLatents;
import io.jdit.vae.BatchStatistics;
import io.jdit.vae.KlAutoencoder;
import io.jdit.vae.KlConfig;
import io.jdit.vae.TileSharing;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * diffusers' AutoencoderKLFlux2, between pictures and what the transformer sees of them: tokens of
 * 2 x 2 latent pixels, C features, normalised by the statistics of a batch norm.
 */
final class Flux2Autoencoder {
  private final KlAutoencoder vae;
  private final BatchStatistics statistics;

  Flux2Autoencoder(ModelConfig json, Weights w) {
    int[] patch = json.has("patch_size") ? json.integers("patch_size") : new int[] {2, 2};
    if (!Arrays.equals(patch, new int[] {PackedLatents.PATCH, PackedLatents.PATCH})) {
      throw json.error("patch_size " + Arrays.toString(patch) + " is not supported, only 2 x 2 is");
    }
    KlConfig config = KlConfig.read(json);
    vae = new KlAutoencoder(config, w);
    statistics =
        new BatchStatistics(w.at("bn"), features(config), json.number("batch_norm_eps", 1e-4));
  }

  /** Features of a token. */
  static int features(KlConfig config) {
    return PackedLatents.PATCH * PackedLatents.PATCH * config.latentChannels();
  }

  /**
   * @param x a picture, [1, 3, 1, H, W], -1 to 1
   * @return [1, tokens, C], the mean and no sample
   */
  Tensor encode(Tensor x, TileSharing sharing) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor z = vae.encode(x, sharing).squeeze(2);
      return scope.keep(statistics.normalize(PackedLatents.pack(z)));
    }
  }

  /**
   * @param tokens of one picture, [1, tokens, C]
   * @param frames takes the picture, [3, H, W], about -1 to 1
   */
  void decode(Tensor tokens, Grid grid, TileSharing sharing, Consumer<Tensor> frames) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor z = PackedLatents.unpack(statistics.denormalize(tokens), grid.height(), grid.width());
      vae.decode(z.unsqueeze(2), sharing, frames);
    }
  }
}
