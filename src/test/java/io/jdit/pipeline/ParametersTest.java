package io.jdit.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.checkpoint.ModelFormatException;
import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.testing.TinyPipeline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a request is made into before it runs. */
class ParametersTest {
  private static final Values FAMILY =
      Values.<String>of(RequestKeys.PROMPT, null)
          .with(RequestKeys.NEGATIVE_PROMPT, null)
          .with(RequestKeys.NEGATIVE_PROMPT_2, null)
          .with(RequestKeys.TRUE_CFG_SCALE, 1.0)
          .with(RequestKeys.HEIGHT, 1024)
          .with(RequestKeys.NUM_INFERENCE_STEPS, 28);

  private static final Values PROMPT = Values.of(RequestKeys.PROMPT, "a");

  @TempDir private Path folder;

  private Parameters parameters(String generationConfig, Parameters.Rule... rules)
      throws IOException {
    Path model = folder.resolve("model");
    if (!Files.exists(model)) {
      TinyPipeline.copy("flux1-dev-tiny", model);
    }
    Files.writeString(model.resolve("generation_config.json"), generationConfig);
    return Parameters.of(ModelFolder.open(model), FAMILY, rules);
  }

  @Test
  void defaultsOfTheFolderLieOverThoseOfTheFamily() throws IOException {
    Parameters p = parameters("{\"num_inference_steps\": 4, \"unknown\": 1}");
    Request request = p.resolve(PROMPT);
    assertThat(request.steps()).isEqualTo(4);
    assertThat(request.height()).isEqualTo(1024);
    assertThat(p.resolve(PROMPT.with(RequestKeys.HEIGHT, 64)).height()).isEqualTo(64);
    assertThat(p.resolve(PROMPT.with(RequestKeys.HEIGHT, null)).height()).isEqualTo(1024);
    assertThatThrownBy(() -> parameters("{\"num_inference_steps\": \"4\"}"))
        .isInstanceOf(ModelFormatException.class)
        .hasMessageContaining("generation_config.json")
        .hasMessageContaining("num_inference_steps: expected an integer >= 1, found text '4'");
  }

  @Test
  void whatTheModelDoesNotTakeIsRefused() throws IOException {
    Parameters p = parameters("{}");
    assertThatThrownBy(() -> p.resolve(PROMPT.with(RequestKeys.WIDTH, 64)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("width is no parameter of FluxPipeline");
    assertThatThrownBy(() -> p.resolve(Values.none()))
        .isInstanceOf(ConfigException.class)
        .hasMessage("a prompt is required");
  }

  @ParameterizedTest
  @CsvSource({"8, use 16", "100, use 96 or 112", "2147483647, use 2147483632"})
  void sizesAreMultiples(int height, String wayOut) throws IOException {
    Parameters p = parameters("{}", Parameters.multipleOf(16, List.of(RequestKeys.HEIGHT)));
    assertThatThrownBy(() -> p.resolve(PROMPT.with(RequestKeys.HEIGHT, height)))
        .isInstanceOf(ConfigException.class)
        .hasMessage("height " + height + " is not a multiple of 16: " + wayOut);
  }

  @Test
  void guidanceNeedsBothScaleAndNegativePrompt() throws IOException {
    Parameters p = parameters("{}", Parameters.trueGuidance());
    Request both =
        p.resolve(
            PROMPT.with(RequestKeys.TRUE_CFG_SCALE, 4.0).with(RequestKeys.NEGATIVE_PROMPT, ""));
    assertThat(both.notes()).isEmpty();
    assertThat(both.get(RequestKeys.NEGATIVE_PROMPT)).isEmpty();

    Request scale = p.resolve(PROMPT.with(RequestKeys.TRUE_CFG_SCALE, 4.0));
    assertThat(scale.notes()).singleElement().asString().contains("4.0 has no effect without");
    assertThat(scale.get(RequestKeys.TRUE_CFG_SCALE)).isEqualTo(1);

    Request negative = p.resolve(PROMPT.with(RequestKeys.NEGATIVE_PROMPT, "blurry"));
    assertThat(negative.notes()).singleElement().asString().contains("--true-cfg-scale above 1");
    assertThat(negative.get(RequestKeys.NEGATIVE_PROMPT)).isNull();
    assertThat(p.resolve(PROMPT).notes()).isEmpty();
  }
}
