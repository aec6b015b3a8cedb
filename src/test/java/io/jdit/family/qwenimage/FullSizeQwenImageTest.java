package io.jdit.family.qwenimage;

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
import io.jdit.textencoder.QwenVisionConfig;
import io.jdit.textencoder.QwenVisionTower;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Grid;
import io.jdit.transformer.SequenceParallel;
import io.jdit.vae.WanAutoencoder;
import io.jdit.vae.WanVaeConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The real Qwen-Image, built without data. */
@ExtendWith(NoLeaks.class)
class FullSizeQwenImageTest {
  private static final Path FOLDER = Fixture.ROOT.resolveSibling("manifests").resolve("qwen-image");

  @ParameterizedTest
  @CsvSource({"transformer, 1933, 20430401088", "vae, 194, 126892531"})
  void everyTensorIsUsedInItsShape(String component, int tensors, long parameters) {
    BiConsumer<ModelConfig, Weights> build =
        switch (component) {
          case "transformer" -> FullSizeQwenImageTest::transformer;
          default -> (c, w) -> new WanAutoencoder(WanVaeConfig.read(c), w);
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

  /** All but the head for logits, and the vision tower, which text alone does not need. */
  @Test
  void theLanguageModelIsUsedInItsShapes() {
    try (TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = Manifest.read(FOLDER.resolve("text_encoder.tensors.tsv"));
      assertThat(manifest.names()).hasSize(729);
      Weights w = new Weights(manifest, DType.BFLOAT16, Device.META, owner);
      w.ignoreBelow("visual");
      new DecoderModel(DecoderConfig.qwen25Vl(config("text_encoder")), w, LinearFactory.dense());
      w.requireAllUsed();
      long left =
          manifest.tensors().entrySet().stream()
              .filter(e -> e.getKey().startsWith("visual.") || e.getKey().startsWith("lm_head."))
              .mapToLong(e -> e.getValue().elements())
              .sum();
      assertThat(owner.bytes()).isEqualTo(2 * (8292166656L - left));
    }
  }

  /** All but the head for logits. */
  @Test
  void languageModelAndVisionTowerAreUsedInTheirShapes() {
    try (TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = Manifest.read(FOLDER.resolve("text_encoder.tensors.tsv"));
      Weights w = new Weights(manifest, DType.BFLOAT16, Device.META, owner);
      new DecoderModel(DecoderConfig.qwen25Vl(config("text_encoder")), w, LinearFactory.dense());
      new QwenVisionTower(QwenVisionConfig.read(config("text_encoder")), w, LinearFactory.dense());
      w.requireAllUsed();
      assertThat(owner.bytes()).isEqualTo(2 * (8292166656L - 152064L * 3584));
    }
  }

  /** 1328 x 1328 pixels. */
  @Test
  void aCallHasTheShapeOfTheLatents() {
    try (TensorScope scope = TensorScope.open();
        TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = Manifest.read(FOLDER.resolve("transformer.tensors.tsv"));
      QwenImageTransformer model =
          transformer(
              config("transformer"), new Weights(manifest, DType.BFLOAT16, Device.META, owner));
      Grid grid = new Grid(83, 83);
      Tensor out =
          model.forward(
              new QwenImageInputs(
                  Tensor.empty(DType.BFLOAT16, Device.META, 1, grid.tokens(), 64),
                  null,
                  Tensor.empty(DType.BFLOAT16, Device.META, 1, 100, 3584),
                  null,
                  Tensor.empty(DType.BFLOAT16, Device.META, 1),
                  model.rotary(100, List.of(grid))),
              BlockRunner.direct());
      assertThat(out.shape()).containsExactly(1, grid.tokens(), 64);
    }
  }

  private static QwenImageTransformer transformer(ModelConfig config, Weights w) {
    return new QwenImageTransformer(
        QwenImageConfig.read(config),
        w,
        LinearFactory.dense(),
        new FusedAttention(),
        SequenceParallel.none());
  }

  private static ModelConfig config(String component) {
    return ModelConfig.read(FOLDER.resolve(component).resolve("config.json"));
  }
}
