package io.jdit.vae;

import static io.jdit.testing.TensorAssert.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.tensor.DType;
import io.jdit.tensor.LeakDetector;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class HunyuanAutoencoderTest {
  private static final double TOLERANCE = 1e-4;

  private static HunyuanAutoencoder build(Fixture f, TensorScope weights, int tile, int stride) {
    HunyuanVaeConfig config = HunyuanVaeConfig.read(f.config("vae"));
    return f.build(
        "vae", DType.FLOAT32, weights, w -> new HunyuanAutoencoder(config, w, tile, stride));
  }

  @Test
  void decodesAndEncodesAsTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("hunyuan-video-tiny")) {
      HunyuanAutoencoder vae = build(f, weights, 256, 192);
      Tensor video = Videos.decode(vae, f.tensor("vae_decode_input"), null);
      assertThat(video).isCloseTo(f.tensor("vae_decode"), TOLERANCE);
      Tensor frames = video.select(0, 0).transpose(0, 1).mul(0.5).add(0.5).clamp(0, 1);
      assertThat(frames).isCloseTo(f.tensor("video"), TOLERANCE);
      KlAutoencoder.Moments moments = vae.moments(f.tensor("vae_encode_input"), null);
      assertThat(moments.mean()).isCloseTo(f.tensor("vae_encode_mean"), TOLERANCE);
      assertThat(moments.logvar()).isCloseTo(f.tensor("vae_encode_logvar"), TOLERANCE);
    }
  }

  @Test
  void windowsOfTimeAreBlendedAsTheReferences() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("hunyuan-video-tiny")) {
      HunyuanAutoencoder vae = build(f, weights, 256, 192);
      Tensor decoded = f.tensor("vae_temporal_tiles.decoded");
      assertThat(Videos.decode(vae, f.tensor("vae_temporal_tiles.latents"), null))
          .isCloseTo(decoded, TOLERANCE);
      assertThat(vae.encode(decoded, null))
          .isCloseTo(f.tensor("vae_temporal_tiles.encoded_mean"), TOLERANCE);
    }
  }

  @Test
  void tilesAreBlendedAsTheReferences() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("hunyuan-video-tiny")) {
      HunyuanAutoencoder vae = build(f, weights, 16, 8);
      Tensor z = f.tensor("vae_decode_input").narrow(2, 0, 1);
      assertThat(Videos.decode(vae, z, TileSharing.here()))
          .isCloseTo(f.tensor("vae_tiled_decode"), TOLERANCE);
    }
  }

  /** What is alive when a frame comes does not depend on how many windows came before. */
  @Test
  void memoryDoesNotGrowWithTheVideo() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("hunyuan-video-tiny")) {
      HunyuanAutoencoder vae = build(f, weights, 256, 192);
      Tensor z = f.tensor("vae_temporal_tiles.latents");
      List<Long> alive = new ArrayList<>();
      vae.decode(Tensor.cat(2, z, z), null, frame -> alive.add(LeakDetector.live()));
      assertThat(alive).hasSize(1 + 11 * 4);
      assertThat(alive.get(14)).isEqualTo(alive.get(30));
    }
  }
}
