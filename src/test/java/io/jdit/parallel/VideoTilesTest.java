package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.vae.TileSharing;
import io.jdit.vae.WanAutoencoder;
import io.jdit.vae.WanVaeConfig;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Four tiles of a video, decoded and encoded by two ranks: the bits are those of one process. */
class VideoTilesTest {
  private static final int PIXELS = 264;

  private record Made(List<float[]> frames, float[] latents) {
    static Made by(WanAutoencoder vae, TileSharing sharing) {
      try (TensorScope scope = TensorScope.open();
          Generator numbers = new Generator(5)) {
        Tensor z = numbers.randn(DType.FLOAT32, 1, 16, 2, PIXELS / 8, PIXELS / 8);
        Tensor x = numbers.randn(DType.FLOAT32, 1, 3, 5, PIXELS, PIXELS);
        List<float[]> frames = new ArrayList<>();
        vae.decode(z, sharing, frame -> frames.add(frame.contiguous().toFloats()));
        return new Made(frames, vae.encode(x, sharing).toFloats());
      }
    }
  }

  @Test
  void ranksShareTheTilesOfAVideo() {
    try (TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("wan21-t2v-tiny")) {
      WanVaeConfig config = WanVaeConfig.read(f.config("vae"));
      WanAutoencoder vae =
          f.build("vae", DType.FLOAT32, weights, w -> new WanAutoencoder(config, w));
      Made alone = Made.by(vae, TileSharing.here());
      assertThat(alone.frames()).hasSize(5);
      List<Made> ranks =
          LocalWorld.call(
              2, group -> Made.by(vae, new TileParallel(group, DType.FLOAT32, Device.CPU)));
      for (Made made : ranks) {
        assertThat(made.latents()).isEqualTo(alone.latents());
        for (int t = 0; t < 5; t++) {
          assertThat(made.frames().get(t)).isEqualTo(alone.frames().get(t));
        }
      }
    }
  }
}
