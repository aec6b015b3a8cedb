package io.jdit.family.hunyuanvideo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.ModelFormatException;
import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.TinyPipeline;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(NoLeaks.class)
class HunyuanVideoRequestTest {
  private static final String NAME = "hunyuan-video-tiny";
  private static final Values PROMPT = Values.of(RequestKeys.PROMPT, "a cat");

  @TempDir private Path folder;

  private static Request resolve(Values values) {
    return Engine.parameters(Fixture.ROOT.resolve(NAME).resolve("pipeline")).resolve(values);
  }

  @Test
  void defaultsAreTheReferences() {
    Request r = resolve(PROMPT);
    assertThat(r.height()).isEqualTo(720);
    assertThat(r.width()).isEqualTo(1280);
    assertThat(r.get(RequestKeys.NUM_FRAMES)).isEqualTo(129);
    assertThat(r.get(RequestKeys.FPS)).isEqualTo(24);
    assertThat(r.steps()).isEqualTo(50);
    assertThat(r.get(RequestKeys.GUIDANCE_SCALE)).isEqualTo(6.0);
    assertThat(r.get(RequestKeys.TRUE_CFG_SCALE)).isEqualTo(1.0);
    assertThat(r.get(RequestKeys.FLOW_SHIFT)).isEqualTo(7.0);
    assertThat(r.get(RequestKeys.MAX_SEQUENCE_LENGTH)).isEqualTo(256);
    assertThat(r.notes()).isEmpty();
  }

  /** The reference makes 4 n + 1 frames of the latents that it has for a number; unlike Wan's. */
  @ParameterizedTest
  @CsvSource({"1, 1", "2, 1", "4, 1", "5, 5", "8, 5", "12, 9", "13, 13", "129, 129", "132, 129"})
  void frameCountsAreThoseThatAreDecoded(int asked, int made) {
    Request r = resolve(PROMPT.with(RequestKeys.NUM_FRAMES, asked));
    assertThat(r.get(RequestKeys.NUM_FRAMES)).isEqualTo(made);
    assertThat(r.notes()).hasSize(asked == made ? 0 : 1);
    assertThat(r.notes()).allMatch(n -> n.startsWith("num_frames " + asked + " became " + made));
  }

  @Test
  void sizesAndLengthsHaveLimits() {
    assertThatThrownBy(() -> resolve(PROMPT.with(RequestKeys.HEIGHT, 40)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("height 40 is not a multiple of 16: use 32 or 48");
    assertThat(resolve(PROMPT.with(RequestKeys.MAX_SEQUENCE_LENGTH, 8097)).notes()).isEmpty();
    assertThatThrownBy(() -> resolve(PROMPT.with(RequestKeys.MAX_SEQUENCE_LENGTH, 8098)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("--max-sequence-length must be <= 8097");
  }

  @Test
  void trueGuidanceNeedsBothAScaleAndANegativePrompt() {
    Values scale = PROMPT.with(RequestKeys.TRUE_CFG_SCALE, 4.0);
    assertThat(resolve(scale.with(RequestKeys.NEGATIVE_PROMPT, "")).notes()).isEmpty();
    assertThat(resolve(scale).notes()).singleElement().asString().contains("--negative-prompt");
    assertThat(resolve(PROMPT.with(RequestKeys.NEGATIVE_PROMPT, "blurry")).notes())
        .singleElement()
        .asString()
        .contains("no effect at true_cfg_scale 1.0");
    assertThatThrownBy(() -> resolve(PROMPT.with(RequestKeys.PROMPT_2, "a dog")))
        .hasMessageContaining("prompt_2 is no parameter of HunyuanVideoPipeline");
  }

  /** What is said of a folder with one edit. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "transformer/config.json | \"image_condition_type\": null | \"image_condition_type\":"
            + " \"token_replace\" | image_condition_type is not supported",
        "transformer/config.json | \"rms_norm\" | \"layer_norm\" | qk_norm 'layer_norm'",
        "transformer/config.json | \"patch_size_t\": 1 | \"patch_size_t\": 2 | patch_size_t 1",
        "transformer/config.json | \"in_channels\": 16 | \"in_channels\": 33 | in_channels of the"
            + " transformer is 33, expected 16",
        "transformer/config.json | \"attention_head_dim\": 16 | \"attention_head_dim\": 18 |"
            + " rope_axes_dim is [4, 6, 6]",
        "text_encoder/config.json | \"hidden_size\": 24 | \"hidden_size\": 32 | text_embed_dim of"
            + " the transformer is 24, expected 32",
        "text_encoder_2/config.json | \"hidden_size\": 16 | \"hidden_size\": 18 |"
            + " pooled_projection_dim of the transformer is 16, expected 18",
        "scheduler/scheduler_config.json | \"use_dynamic_shifting\": false |"
            + " \"use_dynamic_shifting\": true | use_dynamic_shifting true",
        "model_index.json | \"LlamaModel\" | \"LlavaForConditionalGeneration\" | text_encoder of",
        "model_index.json | \"text_encoder_2\" | \"text_encoder_9\" | lacks the component"
            + " text_encoder_2"
      })
  void foldersThatDoNotFitAreRefused(String file, String from, String to, String message) {
    TinyPipeline copy = TinyPipeline.copy(NAME, folder.resolve("copy"));
    copy.edit(file, from, to);
    assertThatThrownBy(() -> Engine.parameters(copy.folder()))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining(message);
  }

  /** A tokenizer that joins the template to fewer tokens than are dropped. */
  @Test
  void aTokenizerOfAnotherModelIsRefused() {
    TinyPipeline copy = TinyPipeline.copy(NAME, folder.resolve("copy"));
    copy.edit("tokenizer/tokenizer.json", "\"Isolated\"", "\"Removed\"");
    try (Engine engine = Engine.load(copy.folder(), Strategies.cpu())) {
      assertThatThrownBy(
              () ->
                  engine.generate(
                      PROMPT
                          .with(RequestKeys.HEIGHT, 32)
                          .with(RequestKeys.WIDTH, 32)
                          .with(RequestKeys.NUM_FRAMES, 1)))
          .isInstanceOf(ModelFormatException.class)
          .hasMessageContaining("tokens of a prompt in its template");
    }
  }
}
