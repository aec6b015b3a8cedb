package io.jdit.family.flux2;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.TensorInfo;
import io.jdit.checkpoint.Weights;
import io.jdit.config.Values;
import io.jdit.engine.ModelCost;
import io.jdit.nn.LinearFactory;
import io.jdit.pipeline.RequestKeys;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.Manifest;
import io.jdit.testing.NoLeaks;
import io.jdit.textencoder.DecoderModel;
import io.jdit.transformer.BlockRunner;
import io.jdit.transformer.Grid;
import io.jdit.transformer.SequenceParallel;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The real FLUX.2 models, built without data: names and shapes must be those of the published
 * checkpoints.
 */
@ExtendWith(NoLeaks.class)
class FullSizeFlux2Test {
  /** The autoencoder has the 256 values of a batch norm besides its parameters. */
  @ParameterizedTest
  @CsvSource({
    "flux2-dev, transformer, 331, 32223281152",
    "flux2-klein-4b, transformer, 169, 3875544576",
    "flux2-klein-9b, transformer, 233, 9078581248",
    "flux2-dev, vae, 251, 84046371"
  })
  void everyTensorIsUsedInItsShape(String model, String component, int tensors, long elements) {
    BiConsumer<ModelConfig, Weights> build =
        component.equals("vae") ? Flux2Autoencoder::new : FullSizeFlux2Test::transformer;
    try (TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = manifest(model, component);
      assertThat(manifest.names()).hasSize(tensors);
      Weights w = new Weights(manifest, DType.BFLOAT16, Device.META, owner);
      build.accept(config(model, component), w);
      w.requireAllUsed();
      assertThat(owner.bytes()).isEqualTo(2 * elements);
    }
  }

  /** Whole, with all layers, but for the head for logits and what is for pictures. */
  @ParameterizedTest
  @CsvSource({
    "DEV, flux2-dev, 585, 24011361280, 30",
    "KLEIN, flux2-klein-4b, 398, 4022468096, 27",
    "KLEIN, flux2-klein-9b, 399, 8190735360, 27"
  })
  void theLanguageModelIsUsedInItsShapes(
      Variant variant, String model, int tensors, long elements, int deepest) {
    Manifest manifest = manifest(model, "text_encoder");
    assertThat(manifest.names()).hasSize(tensors);
    var text = variant.textConfig(config(model, "text_encoder"));
    for (int layers : new int[] {text.numHiddenLayers(), deepest}) {
      try (TensorScope owner = TensorScope.unbound()) {
        Weights w = new Weights(manifest, DType.BFLOAT16, Device.META, owner);
        w.ignoreBelow("vision_tower", "multi_modal_projector");
        new DecoderModel(text, w, LinearFactory.dense(), layers);
        w.requireAllUsed();
        long left =
            manifest.tensors().values().stream()
                .filter(t -> !used(t, layers, text.numHiddenLayers()))
                .mapToLong(TensorInfo::elements)
                .sum();
        assertThat(owner.bytes()).isEqualTo(2 * (elements - left));
      }
    }
  }

  private static boolean used(TensorInfo t, int layers, int all) {
    String name = t.name().replaceFirst("^language_model\\.", "");
    if (name.matches("(vision_tower|multi_modal_projector|lm_head)\\..*")) {
      return false;
    }
    if (name.startsWith("model.layers.")) {
      return Integer.parseInt(name.split("\\.")[2]) < layers;
    }
    return !name.equals("model.norm.weight") || layers == all;
  }

  /** 1024 x 1024 pixels with two reference pictures. */
  @Test
  void aCallHasTheShapeOfTheLatents() {
    try (TensorScope scope = TensorScope.open();
        TensorScope owner = TensorScope.unbound()) {
      Weights w =
          new Weights(manifest("flux2-dev", "transformer"), DType.BFLOAT16, Device.META, owner);
      Flux2Transformer model = transformer(config("flux2-dev", "transformer"), w);
      List<Grid> grids = List.of(new Grid(64, 64), new Grid(51, 79), new Grid(40, 40));
      Tensor out =
          model.forward(
              new Flux2Inputs(
                  Tensor.empty(DType.BFLOAT16, Device.META, 1, 4096, 128),
                  Tensor.empty(DType.BFLOAT16, Device.META, 1, 51 * 79 + 1600, 128),
                  Tensor.empty(DType.BFLOAT16, Device.META, 1, 512, 15360),
                  Tensor.empty(DType.BFLOAT16, Device.META, 1),
                  Tensor.empty(DType.FLOAT32, Device.META, 1),
                  model.rotary(512, grids)),
              BlockRunner.direct());
      assertThat(out.shape()).containsExactly(1, 4096, 128);
    }
  }

  /** What is counted for `jdit parallel plan`: of the text encoder only what is loaded. */
  @Test
  void costsAreThoseOfWhatIsLoaded() {
    ModelCost cost = ModelCost.of(folder("flux2-klein-4b"), Values.none());
    assertThat(cost.request().steps()).isEqualTo(4);
    assertThat(cost.request().get(RequestKeys.GUIDANCE_SCALE)).isEqualTo(1);
    assertThat(cost.weights())
        .containsAllEntriesOf(Map.of("transformer", 3875544576L, "vae", 84046371L));
    // 9 of 36 layers and the last norm are left out; the head is tied.
    long layer = (4022468096L - 151936L * 2560 - 2560) / 36;
    assertThat(cost.weights()).containsEntry("text_encoder", 4022468096L - 9 * layer - 2560);
    assertThat(cost.transformer().heads()).isEqualTo(24);
  }

  private static Flux2Transformer transformer(ModelConfig config, Weights w) {
    return new Flux2Transformer(
        Flux2Config.read(config),
        w,
        LinearFactory.dense(),
        new FusedAttention(),
        SequenceParallel.none());
  }

  private static Path folder(String model) {
    return Fixture.ROOT.resolveSibling("manifests").resolve(model);
  }

  private static Manifest manifest(String model, String component) {
    return Manifest.read(folder(model).resolve(component + ".tensors.tsv"));
  }

  private static ModelConfig config(String model, String component) {
    return ModelConfig.read(folder(model).resolve(component).resolve("config.json"));
  }
}
