package io.jdit.textencoder;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.nn.LinearFactory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class DecoderModelTest {
  private static final double TOLERANCE = 1e-4;

  @Test
  void qwen3EqualsTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("z-image-turbo-tiny")) {
      DecoderModel model = qwen3(f, weights);
      long[] ids = ids(f.json().path("text").path("cond_input_ids"));
      List<Tensor> states = model.hiddenStates(ids, ids.length, 0, 1, 2, 3);
      for (int i = 0; i < 4; i++) {
        assertThat(states.get(i).squeeze(0))
            .as("state %d", i)
            .isCloseTo(f.tensor("text.cond.hidden_state" + i), TOLERANCE);
      }
      for (var text : f.json().path("text_components").properties()) {
        long[] part = ids(text.getValue().path("input_ids"));
        assertThat(model.hiddenStates(part, part.length, 2).get(0).squeeze(0))
            .as(text.getKey())
            .isCloseTo(f.tensor("text." + text.getKey() + ".prompt_embeds"), TOLERANCE);
      }
    }
  }

  /** The first 34 tokens are the template's, which pipelines drop. */
  @Test
  void qwen25VlEqualsTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("qwen-image-tiny")) {
      DecoderModel model =
          f.build(
              "text_encoder",
              DType.FLOAT32,
              weights,
              w -> {
                w.ignoreBelow("visual");
                return new DecoderModel(
                    DecoderConfig.qwen25Vl(f.config("text_encoder")), w, LinearFactory.dense());
              });
      for (String branch : new String[] {"cond", "uncond"}) {
        long[] ids = ids(f.json().path("text").path(branch + "_input_ids").get(0));
        assertThat(model.hiddenStates(ids, ids.length, 3).get(0))
            .isCloseTo(f.tensor("text." + branch + ".last_hidden_state"), TOLERANCE);
      }
      for (String text : new String[] {"short", "unicode", "empty", "spaces"}) {
        long[] ids = ids(f.json().path("text_components").path(text).path("input_ids"));
        assertThat(model.hiddenStates(ids, ids.length, 3).get(0).narrow(1, 34, ids.length - 34))
            .as(text)
            .isCloseTo(f.tensor("text." + text + ".prompt_embeds"), TOLERANCE);
      }
    }
  }

  /** Texts of different lengths, padded as the reference pads; the first 95 tokens are dropped. */
  @Test
  void llamaEqualsTheReference() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("hunyuan-video-tiny")) {
      DecoderModel model =
          f.build(
              "text_encoder",
              DType.FLOAT32,
              weights,
              w ->
                  new DecoderModel(
                      DecoderConfig.llama(f.config("text_encoder")), w, LinearFactory.dense()));
      JsonNode texts = f.json().path("text").path("component");
      for (int i = 0; i < texts.size(); i++) {
        long[] ids = ids(texts.get(i).path("input_ids"));
        int length = texts.get(i).path("num_tokens").asInt();
        assertThat(model.hiddenStates(ids, length, 2).get(0).narrow(1, 95, 24))
            .as("text %d", i)
            .isCloseTo(f.tensor("text_encoder." + i + ".hidden"), TOLERANCE);
      }
      Tensor all = f.tensor("text_encoder.1.all_hidden");
      long[] ids = ids(texts.get(1).path("input_ids"));
      List<Tensor> states = model.hiddenStates(ids, ids.length, 0, 1, 2, 3, 4);
      for (int i = 0; i <= 4; i++) {
        assertThat(states.get(i).squeeze(0).narrow(0, 95, 24))
            .as("state %d", i)
            .isCloseTo(all.select(0, i), TOLERANCE);
      }
    }
  }

  @Test
  void llamaOfAnotherKindIsRefused(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("config.json");
    String sizes = "{\"hidden_size\": 24, \"num_attention_heads\": 3";
    for (String[] bad :
        new String[][] {
          {", \"rope_theta\": 500000, \"mlp_bias\": true}", "mlp_bias true is not supported"},
          {", \"rope_scaling\": {\"rope_type\": \"llama3\"}}", "rope_type 'llama3'"},
          {"}", "the key rope_theta is missing"}
        }) {
      Files.writeString(file, sizes + bad[0]);
      Assertions.assertThatThrownBy(() -> DecoderConfig.llama(ModelConfig.read(file)))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageContaining(file.toString())
          .hasMessageContaining(bad[1]);
    }
    Files.writeString(
        file, sizes + ", \"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 7}}");
    Assertions.assertThat(DecoderConfig.llama(ModelConfig.read(file)).ropeTheta()).isEqualTo(7);
  }

  /** Padding on the right changes nothing before it, and sees what counts only. */
  @Test
  void paddingIsNoKey() {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture("z-image-turbo-tiny")) {
      DecoderModel model = qwen3(f, weights);
      long[] ids = ids(f.json().path("text").path("cond_input_ids"));
      long[] padded = Arrays.copyOf(ids, ids.length + 4);
      long[] other = padded.clone();
      other[ids.length] = 7;
      Tensor alone = model.hiddenStates(ids, ids.length, 3).get(0);
      Tensor state = model.hiddenStates(padded, ids.length, 3).get(0);
      Tensor otherState = model.hiddenStates(other, ids.length, 3).get(0);
      assertThat(state.narrow(1, 0, ids.length)).isCloseTo(alone, 1e-5);
      assertThat(otherState.narrow(1, ids.length + 1, 3))
          .isCloseTo(state.narrow(1, ids.length + 1, 3), 1e-6);
      Assertions.assertThat(state.isFinite()).isTrue();
    }
  }

  /** FLUX.2 klein's Qwen3, padded on the right, and dev's Mistral 3, padded on the left. */
  @ParameterizedTest
  @CsvSource({"flux2-klein-tiny, 28, 9, 18, 27", "flux2-tiny, 31, 10, 20, 30"})
  void statesOfPaddingToo(String name, int last, int first, int second, int third) {
    try (TensorScope scope = TensorScope.open();
        TensorScope weights = TensorScope.unbound();
        Fixture f = new Fixture(name)) {
      DecoderModel whole = flux2(f, weights, last);
      DecoderModel cut = flux2(f, weights, third);
      int compared = 0;
      for (var text : f.json().path("tokenizer_ids").properties()) {
        long[] ids = ids(text.getValue().path("tokenizer"));
        long[] mask = ids(text.getValue().path("attention_mask"));
        int tokens = (int) Arrays.stream(mask).sum();
        KeyRange keys =
            mask[0] == 1 ? new KeyRange(0, tokens) : new KeyRange(ids.length - tokens, ids.length);
        for (DecoderModel model : List.of(whole, cut)) {
          List<Tensor> states = model.hiddenStates(ids, keys, first, second, third);
          assertThat(Tensor.cat(-1, states.toArray(Tensor[]::new)))
              .as(text.getKey())
              .isCloseTo(f.tensor("text." + text.getKey() + ".prompt_embeds"), TOLERANCE);
        }
        if (text.getKey().equals("main")) {
          List<Tensor> states = whole.hiddenStates(ids, keys, 0, 1, 2, last);
          for (int i = 0; i < 4; i++) {
            int index = i == 3 ? last : i;
            assertThat(states.get(i))
                .as("state %d", index)
                .isCloseTo(f.tensor("text.main.hidden_states." + index), TOLERANCE);
          }
        }
        compared++;
      }
      Assertions.assertThat(compared).isEqualTo(5);
    }
  }

  private static DecoderModel flux2(Fixture f, TensorScope weights, int deepest) {
    ModelConfig config = f.config("text_encoder");
    return f.build(
        "text_encoder",
        DType.FLOAT32,
        weights,
        w -> {
          w.ignoreBelow("vision_tower", "multi_modal_projector");
          return new DecoderModel(
              config.has("text_config")
                  ? DecoderConfig.mistral3(config)
                  : DecoderConfig.qwen3(config),
              w,
              LinearFactory.dense(),
              deepest);
        });
  }

  private static DecoderModel qwen3(Fixture f, TensorScope weights) {
    return f.build(
        "text_encoder",
        DType.FLOAT32,
        weights,
        w ->
            new DecoderModel(
                DecoderConfig.qwen3(f.config("text_encoder")), w, LinearFactory.dense()));
  }

  private static long[] ids(JsonNode list) {
    long[] ids = new long[list.size()];
    Arrays.setAll(ids, i -> list.get(i).asLong());
    return ids;
  }
}
