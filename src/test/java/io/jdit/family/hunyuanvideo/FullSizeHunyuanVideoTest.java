package io.jdit.family.hunyuanvideo;

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
import io.jdit.textencoder.ClipTextEncoder;
import io.jdit.textencoder.DecoderConfig;
import io.jdit.textencoder.DecoderModel;
import io.jdit.transformer.SequenceParallel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The real HunyuanVideo, built without data: names and shapes must be those of the published
 * checkpoint. Its autoencoder is among those of the other videos.
 */
@ExtendWith(NoLeaks.class)
class FullSizeHunyuanVideoTest {
  private static final Path FOLDER =
      Fixture.ROOT.resolveSibling("manifests").resolve("hunyuan-video");

  @ParameterizedTest
  @CsvSource({
    "transformer, 1264, 12821012544",
    "text_encoder, 290, 7505186816",
    "text_encoder_2, 196, 123060480"
  })
  void everyTensorIsUsedInItsShape(String component, int tensors, long parameters) {
    ModelConfig config = ModelConfig.read(FOLDER.resolve(component).resolve("config.json"));
    try (TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = Manifest.read(FOLDER.resolve(component + ".tensors.tsv"));
      assertThat(manifest.names()).hasSize(tensors);
      Weights w = new Weights(manifest, DType.BFLOAT16, Device.META, owner);
      LinearFactory dense = LinearFactory.dense();
      switch (component) {
        case "text_encoder" -> new DecoderModel(DecoderConfig.llama(config), w, dense);
        case "text_encoder_2" -> new ClipTextEncoder(ClipTextEncoder.Config.read(config), w, dense);
        default ->
            new HunyuanTransformer(
                HunyuanConfig.read(config),
                w,
                dense,
                new FusedAttention(),
                SequenceParallel.none());
      }
      w.requireAllUsed();
      assertThat(owner.bytes()).isEqualTo(2 * parameters);
    }
  }

  /** The whole pipeline, one call of its transformer at the size of the model's defaults. */
  @Test
  void costsAreCountedWithoutData() {
    ModelCost cost = ModelCost.of(FOLDER, Values.none());
    assertThat(cost.weights())
        .containsEntry("transformer", 12821012544L)
        .containsEntry("text_encoder", 7505186816L)
        .containsEntry("text_encoder_2", 123060480L)
        .containsEntry("vae", 246478803L);
    assertThat(cost.request().get(RequestKeys.NUM_FRAMES)).isEqualTo(129);
    assertThat(cost.transformer().heads()).isEqualTo(24);
    assertThat(cost.transformer().attentions()).hasSize(1);
    assertThat(cost.transformer().attentions().get(0).calls()).isEqualTo(60);
    assertThat(cost.transformer().attentions().get(0).streams()).containsExactly(118800L, 256L);
    // Both streams of 20 double blocks, 40 single blocks and 2 refiner blocks: 12 D x D each, and
    // the biases of 3 D and 4 D.
    long d = 3072;
    assertThat(cost.transformer().shardedWeights()).isEqualTo(82 * (12 * d * d + 7 * d));
    assertThat(cost.transformer().gatheredWeights())
        .isEqualTo((40 * 6 + 40 * 3 + 2 * 2) * (d * d + d));
  }
}
