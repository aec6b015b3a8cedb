package io.jdit.family.qwenimage;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.PictureAssert;
import io.jdit.testing.Requests;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class QwenImageTest {
  private static final double TOLERANCE = 1e-4;

  @Test
  void everyRunOfTheReferenceIsReproduced() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("qwen-image-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      try (Result r = engine.generate(Requests.of(f, f.json()))) {
        assertThat(r.latents()).isCloseTo(f.tensor("latents_step15"), TOLERANCE);
        PictureAssert.assertWithinOneLevel(r.pictures().get(0), f.tensor("image"));
      }
      int runs = 0;
      for (Map.Entry<String, JsonNode> run : f.json().path("runs").properties()) {
        if (run.getValue().path("override").path("prompt").isArray()) {
          continue; // Several prompts are several requests here.
        }
        try (Result r = engine.generate(Requests.of(f, run.getValue()))) {
          assertThat(r.latents())
              .as(run.getKey())
              .isCloseTo(f.tensor("run." + run.getKey() + ".latents"), TOLERANCE);
        }
        runs++;
      }
      Assertions.assertThat(runs).isEqualTo(3);
    }
  }

  /** Two prompts of different lengths, which the reference pads and masks, as two requests. */
  @Test
  void aBatchOfTheReferenceIsReproducedPromptByPrompt() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("qwen-image-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      JsonNode run = f.json().path("runs").path("batch2");
      JsonNode call = run.path("override");
      for (int i = 0; i < 2; i++) {
        Values request =
            Requests.of(f, f.json())
                .with(RequestKeys.PROMPT, call.path("prompt").get(i).stringValue())
                .with(
                    RequestKeys.NEGATIVE_PROMPT, call.path("negative_prompt").get(i).stringValue())
                .with(RequestKeys.SEED, run.path("generator_seeds").get(i).bigIntegerValue());
        try (Result r = engine.generate(request)) {
          assertThat(r.latents())
              .as("prompt %d", i)
              .isCloseTo(f.tensor("run.batch2.latents").narrow(0, i, 1), TOLERANCE);
        }
      }
    }
  }

  @Test
  void bfloat16StaysCloseToTheReferencesBfloat16() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("qwen-image-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu().withDtype(DType.BFLOAT16));
        Result r = engine.generate(Requests.of(f, f.json()))) {
      assertThat(r.latents()).hasPsnrAbove(35, f.tensor("bf16.latents"));
    }
  }

  /** Cut to 1024 tokens, the template's end with it. */
  @Test
  void aLongPromptIsCut() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("qwen-image-tiny");
        Model model = new QwenImage().build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      JsonNode repeated = f.json().path("text_components").path("long").path("repeated");
      String prompt = repeated.get(0).stringValue().repeat(repeated.get(1).intValue());
      Request request =
          Engine.parameters(f.pipeline())
              .resolve(
                  Values.of(RequestKeys.PROMPT, prompt)
                      .with(RequestKeys.MAX_SEQUENCE_LENGTH, 1024));
      List<String> notes = new ArrayList<>();
      Tensor embeds = model.encode(request, 0, notes).get("prompt_embeds");
      Assertions.assertThat(embeds.size(1)).isEqualTo(1024);
      assertThat(embeds.narrow(1, 0, 4)).isCloseTo(f.tensor("text.long.head"), TOLERANCE);
      assertThat(embeds.narrow(1, 1020, 4)).isCloseTo(f.tensor("text.long.tail"), TOLERANCE);
      Assertions.assertThat(notes)
          .singleElement()
          .asString()
          .contains("tokens, 1024 are used: it was cut before", "clean paper")
          .doesNotContain("<|im_end|>");
    }
  }

  /** The reference divides by zero there. */
  @Test
  void aSingleStepIsRefused() {
    try (Fixture f = new Fixture("qwen-image-tiny")) {
      Assertions.assertThatThrownBy(
              () ->
                  Engine.parameters(f.pipeline())
                      .resolve(Requests.small("a red fox", 64, 64, 1, 32)))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("--num-inference-steps must be >= 2");
    }
  }
}
