package io.jdit.textencoder;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TextEncoderTest {
  private static final double TOLERANCE = 1e-4;
  private static final String[] PROMPTS = {"main", "short", "unicode", "empty", "long"};

  @ParameterizedTest
  @ValueSource(strings = {"flux1-dev-tiny", "flux1-schnell-tiny"})
  void clipEqualsTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      ClipTextEncoder clip =
          f.build(
              "text_encoder",
              DType.FLOAT32,
              weights,
              w ->
                  new ClipTextEncoder(
                      ClipTextEncoder.Config.read(f.config("text_encoder")),
                      w,
                      LinearFactory.dense()));
      for (String prompt : PROMPTS) {
        long[][] ids = {f.ids(prompt, "tokenizer")};
        assertThat(clip.forward(TokenBatch.tensor(ids, Device.CPU)))
            .isCloseTo(f.tensor("text." + prompt + ".clip_last"), TOLERANCE);
        assertThat(clip.pooled(ids))
            .isCloseTo(f.tensor("text." + prompt + ".clip_pooled"), TOLERANCE);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"flux1-dev-tiny", "flux1-schnell-tiny"})
  void t5EqualsTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      T5Encoder t5 =
          f.build(
              "text_encoder_2",
              DType.FLOAT32,
              weights,
              w ->
                  new T5Encoder(
                      T5Encoder.Config.read(f.config("text_encoder_2")), w, LinearFactory.dense()));
      for (String prompt : PROMPTS) {
        assertThat(t5.forward(new long[][] {f.ids(prompt, "tokenizer_2")}))
            .isCloseTo(f.tensor("text." + prompt + ".t5"), TOLERANCE);
      }
    }
  }

  @Test
  void bucketsAreExactNearAndLogarithmicFar() {
    // Raffel et al. 2020 and transformers' _relative_position_bucket, bidirectional, 32 buckets,
    // distance 128:
    // 8 exact buckets per side, then 8 that grow by 16^(1/8) from 8 to 128.
    int[] distances = {
      0, 1, 7, 8, 11, 12, 15, 16, 22, 23, 31, 32, 45, 46, 63, 64, 90, 91, 127, 128, 1000
    };
    int[] buckets = {0, 1, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15, 15, 15};
    for (int i = 0; i < distances.length; i++) {
      Assertions.assertThat(T5Encoder.bucket(-distances[i], 32, 128))
          .as("-%d", distances[i])
          .isEqualTo(buckets[i]);
      if (distances[i] > 0) {
        Assertions.assertThat(T5Encoder.bucket(distances[i], 32, 128)).isEqualTo(16 + buckets[i]);
      }
    }
  }
}
