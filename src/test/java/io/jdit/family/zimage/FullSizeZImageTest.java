package io.jdit.family.zimage;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.Manifest;
import io.jdit.testing.NoLeaks;
import io.jdit.textencoder.DecoderConfig;
import io.jdit.textencoder.DecoderModel;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.SequenceParallel;
import io.jdit.vae.KlAutoencoder;
import io.jdit.vae.KlConfig;
import java.nio.file.Path;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The real Z-Image-Turbo, built without data. */
@ExtendWith(NoLeaks.class)
class FullSizeZImageTest {
  private static final Path FOLDER =
      Fixture.ROOT.resolveSibling("manifests").resolve("z-image-turbo");

  @ParameterizedTest
  @CsvSource({
    "transformer, 521, 6154908736",
    "text_encoder, 398, 4022468096",
    "vae, 244, 83819683"
  })
  void everyTensorIsUsedInItsShape(String component, int tensors, long parameters) {
    BiConsumer<ModelConfig, Weights> build =
        switch (component) {
          case "transformer" -> FullSizeZImageTest::transformer;
          case "text_encoder" ->
              (c, w) -> new DecoderModel(DecoderConfig.qwen3(c), w, LinearFactory.dense());
          default -> (c, w) -> new KlAutoencoder(KlConfig.read(c), w);
        };
    try (TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = Manifest.read(FOLDER.resolve(component + ".tensors.tsv"));
      assertThat(manifest.names()).hasSize(tensors);
      Weights w = new Weights(manifest, DType.BFLOAT16, Device.META, owner);
      build.accept(config(component), w);
      w.requireAllUsed();
      assertThat(owner.bytes()).isEqualTo(2 * parameters);
    }
  }

  /** 1024 x 1024 pixels and two captions of different lengths. */
  @Test
  void aCallHasTheShapeOfTheLatents() {
    try (TensorScope scope = TensorScope.open();
        TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = Manifest.read(FOLDER.resolve("transformer.tensors.tsv"));
      ZImageTransformer model =
          transformer(
              config("transformer"), new Weights(manifest, DType.BFLOAT16, Device.META, owner));
      int[] lengths = {40, 300};
      Tensor out =
          model.forward(
              new ZImageInputs(
                  Tensor.empty(DType.BFLOAT16, Device.META, 2, 16, 128, 128),
                  Tensor.empty(DType.BFLOAT16, Device.META, 2, 512, 2560),
                  lengths,
                  Tensor.empty(DType.FLOAT32, Device.META, 2),
                  model.rotary(lengths, 64, 64)),
              BlockRunner.direct());
      assertThat(out.shape()).containsExactly(2, 16, 128, 128);
    }
  }

  private static ZImageTransformer transformer(ModelConfig config, Weights w) {
    return new ZImageTransformer(
        ZImageConfig.read(config),
        w,
        LinearFactory.dense(),
        new FusedAttention(),
        SequenceParallel.none());
  }

  private static ModelConfig config(String component) {
    return ModelConfig.read(FOLDER.resolve(component).resolve("config.json"));
  }
}
