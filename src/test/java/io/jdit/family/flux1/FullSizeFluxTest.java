package io.jdit.family.flux1;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.Manifest;
import io.jdit.textencoder.ClipTextEncoder;
import io.jdit.textencoder.T5Encoder;
import io.jdit.vae.KlAutoencoder;
import io.jdit.vae.KlConfig;
import java.nio.file.Path;
import java.util.function.BiConsumer;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The real FLUX.1 models, built without data: names and shapes must be those of the published
 * checkpoints.
 */
class FullSizeFluxTest {
  @ParameterizedTest
  @CsvSource({
    "flux1-dev, transformer, 1160, 11901408320",
    "flux1-schnell, transformer, 1156, 11891178560",
    "flux1-dev, text_encoder, 196, 123060480",
    "flux1-dev, text_encoder_2, 219, 4762310656",
    "flux1-dev, vae, 244, 83819683",
    "flux1-schnell, text_encoder, 196, 123060480",
    "flux1-schnell, text_encoder_2, 219, 4762310656",
    "flux1-schnell, vae, 244, 83819683"
  })
  void everyTensorIsUsedInItsShape(String model, String component, int tensors, long parameters) {
    Path folder = Fixture.ROOT.resolveSibling("manifests").resolve(model);
    ModelConfig config = ModelConfig.read(folder.resolve(component).resolve("config.json"));
    BiConsumer<ModelConfig, Weights> build =
        switch (component) {
          case "transformer" ->
              (c, w) ->
                  new FluxTransformer(
                      FluxConfig.read(c), w, LinearFactory.dense(), new FusedAttention());
          case "text_encoder" ->
              (c, w) ->
                  new ClipTextEncoder(ClipTextEncoder.Config.read(c), w, LinearFactory.dense());
          case "text_encoder_2" ->
              (c, w) -> new T5Encoder(T5Encoder.Config.read(c), w, LinearFactory.dense());
          default -> (c, w) -> new KlAutoencoder(KlConfig.read(c), w);
        };
    try (TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = Manifest.read(folder.resolve(component + ".tensors.tsv"));
      assertThat(manifest.names()).hasSize(tensors);
      Weights w = new Weights(manifest, DType.BFLOAT16, Device.META, owner);
      build.accept(config, w);
      w.requireAllUsed();
      assertThat(owner.bytes()).isEqualTo(2 * parameters);
    }
  }
}
