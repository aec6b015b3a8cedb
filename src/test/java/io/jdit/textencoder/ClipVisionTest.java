package io.jdit.textencoder;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.media.Picture;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

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
