package io.jdit.vae;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KlAutoencoderTest {
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @ValueSource(strings = {"flux1-dev-tiny", "flux1-schnell-tiny", "flux2-tiny", "flux2-klein-tiny"})
  void decodesAndEncodesAsTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      KlAutoencoder vae =
          f.build(
              "vae",
              DType.FLOAT32,
              weights,
              w -> {
                w.ignoreBelow("bn"); // FLUX.2's, of which a family takes care
                return new KlAutoencoder(KlConfig.read(f.config("vae")), w);
              });
      assertThat(vae.decode(f.tensor("vae_decode_in")))
          .isCloseTo(f.tensor("vae_decode_out"), TOLERANCE);
      assertThat(vae.decode(f.tensor("vae.decode2_in")))
          .isCloseTo(f.tensor("vae.decode2_out"), TOLERANCE);
      KlAutoencoder.Moments m = vae.encode(f.tensor("vae.encode_in"));
      assertThat(m.mean()).isCloseTo(f.tensor("vae.encode_mean"), TOLERANCE);
      assertThat(m.logvar()).isCloseTo(f.tensor("vae.encode_logvar"), TOLERANCE);
    }
  }

  /** Z-Image's, which has no convolutions around its latents. */
  @Test
  void withoutQuantConvolutionsAndInTilesEqualsTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("z-image-turbo-tiny")) {
      KlAutoencoder vae =
          f.build(
              "vae",
              DType.FLOAT32,
              weights,
              w -> new KlAutoencoder(KlConfig.read(f.config("vae")), w));
      Tensor z = f.tensor("vae_decode_in");
      assertThat(vae.decode(z)).isCloseTo(f.tensor("vae_decode_out"), TOLERANCE);
      KlAutoencoder.Moments m = vae.encode(f.tensor("vae_encode_in"));
      assertThat(m.mean()).isCloseTo(f.tensor("vae_encode_mean"), TOLERANCE);
      assertThat(m.logvar()).isCloseTo(f.tensor("vae_encode_logvar"), TOLERANCE);
      vae.decode(
          z.narrow(2, 0, 9).narrow(3, 0, 9).unsqueeze(2),
          TileSharing.here(),
          frame ->
              assertThat(frame.unsqueeze(0))
                  .isCloseTo(f.tensor("vae_tiled_decode_out"), TOLERANCE));
    }
  }

  /** Computed by diffusers' AutoencoderKLFlux2 with random weights. */
  @Test
  void aDecoderWithChannelsOfItsOwnEqualsTheReference() {
    Path folder = Fixture.ROOT.resolve("flux2-tiny/small-decoder");
    try (TensorScope scope = TensorScope.open();
        TensorScope owner = TensorScope.unbound();
        SafeTensorsFile weights = SafeTensorsFile.open(folder.resolve("weights.safetensors"));
        SafeTensorsFile expected = SafeTensorsFile.open(folder.resolve("expected.safetensors"))) {
      Weights w = new Weights(weights, DType.FLOAT32, Device.CPU, owner);
      w.ignoreBelow("bn");
      KlConfig config = KlConfig.read(ModelConfig.read(folder.resolve("config.json")));
      KlAutoencoder vae = new KlAutoencoder(config, w);
      w.requireAllUsed();
      assertThat(vae.decode(expected.read("z"))).isCloseTo(expected.read("decoded"), TOLERANCE);
      assertThat(vae.encode(expected.read("x")).mean()).isCloseTo(expected.read("mean"), TOLERANCE);
    }
  }

  /**
   * With a decoder that works pixel by pixel, tiles must join without a trace: blending two equal
   * values changes nothing.
   */
  @Test
  void tilesJoinExactly() {
    try (TensorScope scope = TensorScope.open()) {
      float[] values = new float[3 * 23 * 37];
      for (int i = 0; i < values.length; i++) {
        values[i] = (i * 37 % 101) - 50;
      }
      Tensor z = Tensor.of(values, 1, 3, 23, 37);
      Tiling tiled = new Tiling(8, 6, 2, 1, 2 * 2, 16 - 4);
      Tensor out =
          tiled.run(z, io.jdit.tensor.Functional::upsampleNearest2x, TileSharing.here(), 1, 3);
      assertThat(out).isCloseTo(io.jdit.tensor.Functional.upsampleNearest2x(z), 1e-6);
    }
  }

  /**
   * The weights of a blend are i / extent for the new tile: known values for two constant tiles.
   */
  @Test
  void tilesBlendLinearly() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor z = Tensor.zeros(DType.FLOAT32, Device.CPU, 1, 1, 4, 7);
      Tiling tiled = new Tiling(4, 3, 4, 1, 4, 12);
      double[] value = {0};
      Tensor out =
          tiled.run(
              z,
              t ->
                  Tensor.full(
                      value[0]++, DType.FLOAT32, Device.CPU, 1, 1, t.size(2) * 4, t.size(3) * 4),
              TileSharing.here(),
              1,
              1);
      // Tiles at columns 0, 3, 6 and rows 0, 3: first row holds 0, 1, 2. Tile 1 fades in over its
      // first 4 columns.
      Tensor row = out.select(2, 0).view(-1).narrow(0, 11, 6);
      assertThat(row).isCloseTo(Tensor.of(new float[] {0, 0, 0.25f, 0.5f, 0.75f, 1}), 1e-6);
    }
  }
}
