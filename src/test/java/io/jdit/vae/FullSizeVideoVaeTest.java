package io.jdit.vae;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.Weights;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.Manifest;
import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The autoencoders of the real models, built without data: names and shapes must be those of the
 * published checkpoints.
 */
class FullSizeVideoVaeTest {
  @ParameterizedTest
  @CsvSource({
    "wan21-t2v-1.3b, 194, 126892531, 8, 4",
    "wan22-ti2v-5b, 196, 704688668, 16, 4",
    "qwen-image, 194, 126892531, 8, 4",
    "hunyuan-video, 248, 246478803, 8, 4"
  })
  void everyTensorIsUsedInItsShape(
      String model, int tensors, long parameters, int scaleFactor, int timeFactor) {
    Path folder = Fixture.ROOT.resolveSibling("manifests").resolve(model);
    ModelConfig config = ModelConfig.read(folder.resolve("vae").resolve("config.json"));
    try (TensorScope owner = TensorScope.unbound()) {
      Manifest manifest = Manifest.read(folder.resolve("vae.tensors.tsv"));
      assertThat(manifest.names()).hasSize(tensors);
      Weights w = new Weights(manifest, DType.BFLOAT16, Device.META, owner);
      Autoencoder vae =
          model.startsWith("hunyuan")
              ? new HunyuanAutoencoder(HunyuanVaeConfig.read(config), w)
              : new WanAutoencoder(WanVaeConfig.read(config), w);
      w.requireAllUsed();
      assertThat(owner.bytes()).isEqualTo(2 * parameters);
      assertThat(vae.scaleFactor()).isEqualTo(scaleFactor);
      assertThat(vae.timeFactor()).isEqualTo(timeFactor);
    }
  }
}
