package io.jdit.vae;

import static io.jdit.testing.TensorAssert.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.LeakDetector;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** AutoencoderKLWan of 2.1 and 2.2, and AutoencoderKLQwenImage. */
class WanAutoencoderTest {
  private static final double TOLERANCE = 1e-4;

  private static WanAutoencoder build(Fixture f, TensorScope weights, int tile, int stride) {
    WanVaeConfig config = WanVaeConfig.read(f.config("vae"));
    return f.build("vae", DType.FLOAT32, weights, w -> new WanAutoencoder(config, w, tile, stride));
  }

  private static WanAutoencoder build(Fixture f, TensorScope weights) {
    return build(f, weights, 256, 192);
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan21-i2v-tiny", "wan22-ti2v-tiny"})
  void decodesAndEncodesVideosAsTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      WanAutoencoder vae = build(f, weights);
      Tensor video = Videos.decode(vae, f.tensor("vae_decode_input"), null);
      assertThat(video).isCloseTo(f.tensor("vae_decode"), TOLERANCE);
      Tensor frames = video.select(0, 0).transpose(0, 1).mul(0.5).add(0.5).clamp(0, 1);
      assertThat(frames).isCloseTo(f.tensor("video"), TOLERANCE);
      Tensor x = f.tensor("vae_encode_input");
      KlAutoencoder.Moments moments = vae.moments(x, null);
      assertThat(moments.mean()).isCloseTo(f.tensor("vae_encode_mean"), TOLERANCE);
      assertThat(moments.logvar()).isCloseTo(f.tensor("vae_encode_logvar"), TOLERANCE);
      assertThat(vae.encode(x, null)).isCloseTo(f.tensor("vae_encode_mean"), TOLERANCE);
      assertThat(x.size(3) / moments.mean().size(3)).isEqualTo(vae.scaleFactor());
      assertThat(vae.timeFactor()).isEqualTo(4);
    }
  }

  @Test
  void tilesOfVideosAreBlendedAsTheReferences() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("wan21-t2v-tiny")) {
      WanAutoencoder vae = build(f, weights, 24, 16);
      assertThat(Videos.decode(vae, f.tensor("vae_tiled_decode_input"), TileSharing.here()))
          .isCloseTo(f.tensor("vae_tiled_decode"), TOLERANCE);
      Tensor x = f.tensor("vae_encode_input").narrow(2, 0, 5);
      assertThat(vae.encode(x, TileSharing.here()))
          .isCloseTo(f.tensor("vae_tiled_encode_mean"), TOLERANCE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"qwen-image-tiny", "qwen-image-edit-tiny"})
  void decodesPicturesAsTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      WanAutoencoder vae = build(f, weights);
      Tensor picture = Videos.decode(vae, f.tensor("vae_decode_in"), null).squeeze(2);
      assertThat(picture).isCloseTo(f.tensor("vae_decode_out"), TOLERANCE);
      assertThat(picture.mul(0.5).add(0.5).clamp(0, 1)).isCloseTo(f.tensor("image"), TOLERANCE);
    }
  }

  @Test
  void encodesPicturesAsTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture generate = new Fixture("qwen-image-tiny");
        Fixture edit = new Fixture("qwen-image-edit-tiny")) {
      Tensor x = generate.tensor("vae_encode0_in");
      assertThat(build(generate, weights).encode(x, null))
          .isCloseTo(generate.tensor("vae_encode0_mean"), TOLERANCE);
      WanAutoencoder vae = build(edit, weights);
      Tensor levels = edit.tensor("vae_image0").to(DType.FLOAT32).permute(2, 0, 1);
      Tensor picture = levels.div(255).mul(2).add(-1).unsqueeze(0).unsqueeze(2);
      KlAutoencoder.Moments moments = vae.moments(picture, null);
      assertThat(moments.mean()).isCloseTo(edit.tensor("vae_encode0_mean"), TOLERANCE);
      assertThat(moments.logvar()).isCloseTo(edit.tensor("vae_encode0_logvar"), TOLERANCE);
    }
  }

  /** The reference does not clamp what it decoded in tiles; pictures are clamped afterwards. */
  @Test
  void tilesOfPicturesAreBlendedAsTheReferences() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("qwen-image-tiny")) {
      WanAutoencoder vae = build(f, weights, 48, 32);
      Tensor z = f.tensor("vae_decode_in").narrow(3, 0, 9).narrow(4, 0, 8);
      assertThat(Videos.decode(vae, z, TileSharing.here()).squeeze(2))
          .isCloseTo(f.tensor("vae_tiled_decode_out").clamp(-1, 1), TOLERANCE);
      assertThat(vae.encode(f.tensor("vae_encode0_in"), TileSharing.here()))
          .isCloseTo(f.tensor("vae_tiled_encode0_mean"), TOLERANCE);
    }
  }

  /** Pipelines normalise with what config.json says, and the tiny Wan decodes what they made. */
  @Test
  void latentStatisticsAreInverse() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("wan22-ti2v-tiny")) {
      LatentStatistics s = WanVaeConfig.read(f.config("vae")).latents();
      Tensor z = f.tensor("vae_decode_input");
      assertThat(s.denormalize(s.normalize(z))).isCloseTo(z, 1e-6);
      Tensor one = s.normalize(Tensor.zeros(DType.FLOAT32, Device.CPU, 1, 48, 1, 1, 1));
      assertThat(one.toFloats()[0]).isEqualTo(0.1515f / 1.0282f);
    }
  }

  /** What is alive when a frame comes does not depend on how many came before. */
  @Test
  void memoryDoesNotGrowWithTheVideo() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("wan21-t2v-tiny")) {
      WanAutoencoder vae = build(f, weights);
      Tensor z = f.tensor("vae_decode_input");
      List<Long> alive = new ArrayList<>();
      vae.decode(Tensor.cat(2, z, z, z), null, frame -> alive.add(LeakDetector.live()));
      assertThat(alive).hasSize(1 + 11 * 4);
      assertThat(alive.subList(9, 45)).containsOnly(alive.get(9));
    }
  }

  @ParameterizedTest
  @CsvSource({"wan21-t2v-tiny, 13", "qwen-image-tiny, 1"})
  void bfloat16StaysNear(String name, int frames) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      WanVaeConfig config = WanVaeConfig.read(f.config("vae"));
      WanAutoencoder vae =
          f.build("vae", DType.BFLOAT16, weights, w -> new WanAutoencoder(config, w));
      boolean video = f.has("vae_decode_input");
      Tensor z = f.tensor(video ? "vae_decode_input" : "vae_decode_in");
      Tensor x = Videos.decode(vae, z.to(DType.BFLOAT16), null);
      assertThat(x.dtype()).isEqualTo(DType.BFLOAT16);
      assertThat(x.size(2)).isEqualTo(frames);
      Tensor expected = video ? f.tensor("vae_decode") : f.tensor("vae_decode_out").unsqueeze(2);
      double mean = x.to(DType.FLOAT32).sub(expected).abs().mean().item();
      assertThat(mean).isLessThan(0.02);
    }
  }
}
