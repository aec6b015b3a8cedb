package io.jdit.textencoder;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.Checkpoint;
import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.checkpoint.Weights;
import io.jdit.media.Picture;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.testing.TinyPipeline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(NoLeaks.class)
class ClipVisionTest {
  @Test
  void pixelsAndStatesEqualTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("wan21-i2v-tiny")) {
      ClipPictures pictures = pictures(f);
      Tensor pixels = pictures.pixels(Requests.picture(f.tensor("i2v.image_u8")));
      assertThat(pixels).isCloseTo(f.tensor("i2v.pixel_values"), 1e-6);
      ClipVisionEncoder encoder =
          f.build(
              "image_encoder",
              DType.FLOAT32,
              weights,
              w ->
                  new ClipVisionEncoder(
                      ClipVisionEncoder.Config.read(f.config("image_encoder")),
                      w,
                      LinearFactory.dense()));
      assertThat(encoder.forward(pixels)).isCloseTo(f.tensor("i2v.image_embeds"), 1e-4);
      Assertions.assertThat(encoder.config().tokens()).isEqualTo(17);
    }
  }

  /** The folder of a whole CLIP: its settings by halves, and the weights of the other half. */
  @Test
  void theHalfOfAWholeClipIsTheSame(@TempDir Path temp) throws IOException {
    Path folder = TinyPipeline.copy("wan21-i2v-tiny", temp).resolve("image_encoder");
    Path config = folder.resolve("config.json");
    Files.writeString(
        config,
        "{\"model_type\": \"clip\", \"text_config\": {\"hidden_size\": 8}, \"vision_config\": "
            + Files.readString(config)
            + "}");
    try (TensorScope scope = TensorScope.open();
        TensorScope owner = TensorScope.unbound();
        Fixture f = new Fixture("wan21-i2v-tiny")) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      try (Checkpoint half = Checkpoint.open(folder)) {
        half.names().forEach(n -> tensors.put(n, half.read(n)));
        for (String other :
            new String[] {
              "logit_scale",
              "text_model.final_layer_norm.weight",
              "text_projection.weight",
              "visual_projection.weight"
            }) {
          tensors.put(other, Tensor.zeros(DType.FLOAT32, Device.CPU, 4));
        }
        SafeTensorsWriter.write(folder.resolve("model.safetensors"), tensors);
      }
      try (Checkpoint whole = Checkpoint.open(folder)) {
        Weights w = new Weights(whole, DType.FLOAT32, Device.CPU, owner);
        ClipVisionEncoder encoder =
            new ClipVisionEncoder(
                ClipVisionEncoder.Config.read(ModelConfig.read(config)), w, LinearFactory.dense());
        w.requireAllUsed();
        assertThat(encoder.forward(f.tensor("i2v.pixel_values")))
            .isCloseTo(f.tensor("i2v.image_embeds"), 1e-4);
      }
    }
  }

  @Test
  void theMiddleOfThePictureIsTaken() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("wan21-i2v-tiny")) {
      byte[] rgb = new byte[3 * 32 * 96]; // three squares, the middle one white
      for (int i = 0; i < rgb.length; i++) {
        int x = i / 3 % 96;
        rgb[i] = (byte) (x >= 32 && x < 64 ? 255 : 0);
      }
      Tensor wide = pictures(f).pixels(new Picture(96, 32, rgb));
      Assertions.assertThat(wide.shape()).containsExactly(1, 3, 32, 32);
      double white = (1 - 0.48145466) / 0.26862954;
      for (float value : wide.select(1, 0).toFloats()) {
        Assertions.assertThat(value).isCloseTo((float) white, Assertions.within(1e-5f));
      }
    }
  }

  private static ClipPictures pictures(Fixture f) {
    return ClipPictures.read(
        ModelConfig.read(f.pipeline().resolve("image_processor/preprocessor_config.json")));
  }
}
