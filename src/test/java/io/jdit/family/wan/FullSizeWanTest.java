package io.jdit.family.wan;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.config.Values;
import io.jdit.engine.ModelCost;
import io.jdit.nn.LinearFactory;
import io.jdit.pipeline.RequestKeys;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.Manifest;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.TinyPipeline;
import io.jdit.textencoder.T5Encoder;
import io.jdit.transformer.SequenceParallel;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The real Wan models, built without data: names and shapes must be those of the published
 * checkpoints.
 */
@ExtendWith(NoLeaks.class)
class FullSizeWanTest {
  /** Parts of names whose parameters stay float32 in a model of half precision. */
  private static final List<String> EXACT =
      List.of("time_embedder", "scale_shift_table", "norm1", "norm2", "norm3");

  private static Path folder(String model) {
    return Fixture.ROOT.resolveSibling("manifests").resolve(model);
  }

  @ParameterizedTest
  @CsvSource({
    "wan21-t2v-1.3b, transformer, 825, 1418996800",
    "wan21-t2v-14b, transformer, 1095, 14288491584",
    "wan22-t2v-a14b, transformer, 1095, 14288491584",
    "wan22-t2v-a14b, transformer_2, 1095, 14288491584",
    "wan22-ti2v-5b, transformer, 825, 4999787712",
    "wan21-t2v-1.3b, text_encoder, 242, 5680910336"
  })
  void everyTensorIsUsedInItsShape(String model, String component, int tensors, long parameters) {
    ModelConfig config = ModelConfig.read(folder(model).resolve(component).resolve("config.json"));
    try (TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = Manifest.read(folder(model).resolve(component + ".tensors.tsv"));
      assertThat(manifest.names()).hasSize(tensors);
      Weights w = new Weights(manifest, DType.BFLOAT16, Device.META, owner);
      long exact = 0;
      if (component.equals("text_encoder")) {
        new T5Encoder(T5Encoder.Config.readUmt5(config), w, LinearFactory.dense());
      } else {
        new WanTransformer(
            WanConfig.read(config),
            w,
            LinearFactory.dense(),
            new FusedAttention(),
            SequenceParallel.none());
        exact = elements(manifest);
      }
      w.requireAllUsed();
      assertThat(owner.bytes()).isEqualTo(2 * (parameters + exact));
    }
  }

  private static long elements(Manifest manifest) {
    return manifest.names().stream()
        .filter(name -> EXACT.stream().anyMatch(name::contains))
        .mapToLong(name -> Stream.of(name).mapToLong(n -> manifest.info(n).elements()).sum())
        .sum();
  }

  /** Two transformers that see an encoded picture beside the latents, and no embedding of it. */
  @Test
  void aModelOfTwoTransformersTakesAPicture(@TempDir Path folder) {
    TinyPipeline i2v = TinyPipeline.of(folder("wan22-t2v-a14b"), folder.resolve("i2v"));
    i2v.edit("model_index.json", "WanPipeline", "WanImageToVideoPipeline");
    i2v.edit("model_index.json", "0.875", "0.9");
    for (String transformer : List.of("transformer", "transformer_2")) {
      i2v.edit(transformer + "/config.json", "\"in_channels\": 16", "\"in_channels\": 36");
    }
    ModelCost cost = ModelCost.of(i2v.folder(), Values.none());
    long patch = 5120L * 20 * 4; // of the mask and the picture
    assertThat(cost.weights()).containsEntry("transformer", 14288491584L + patch);
    assertThat(cost.request().get(RequestKeys.BOUNDARY_RATIO)).isEqualTo(0.9);
    assertThat(cost.request().get(RequestKeys.GUIDANCE_SCALE)).isEqualTo(3.5);
    assertThat(cost.request().get(RequestKeys.GUIDANCE_SCALE_2)).isEqualTo(3.5);
  }

  /** The whole pipelines, one call of their transformer at the size of the model's defaults. */
  @ParameterizedTest
  @CsvSource({
    "wan21-t2v-1.3b, 1418996800, 32760, 12",
    "wan21-t2v-14b, 14288491584, 32760, 40",
    "wan22-t2v-a14b, 14288491584, 75600, 40",
    "wan22-ti2v-5b, 4999787712, 27280, 24"
  })
  void costsAreCountedWithoutData(String model, long parameters, long tokens, int heads) {
    ModelCost cost = ModelCost.of(folder(model), Values.none());
    assertThat(cost.weights()).containsEntry("transformer", parameters);
    assertThat(cost.weights()).containsEntry("text_encoder", 5680910336L);
    assertThat(cost.transformer().heads()).isEqualTo(heads);
    assertThat(cost.transformer().attentions().get(0).streams()).containsExactly(tokens);
    assertThat(cost.transformer().attentions().get(1).streams()).as("the text is local").isEmpty();
    assertThat(cost.transformer().shardedWeights()).isLessThan(parameters);
  }
}
