package io.jdit.family.flux2;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.pipeline.Condition;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Parameters;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** FLUX.2 from prompts alone; see {@link ReferencePicturesTest}. */
@ExtendWith(NoLeaks.class)
class Flux2Test {
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @ValueSource(strings = {"flux2-tiny", "flux2-klein-tiny"})
  void everyRunOfTheReferenceIsReproduced(String name) {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      try (Result r = engine.generate(Requests.given(f.json().path("call")))) {
        Tensor steps = f.tensor("latents_steps");
        assertThat(r.latents()).isCloseTo(steps.select(0, steps.size(0) - 1), TOLERANCE);
        PictureAssert.assertWithinOneLevel(r.pictures().get(0), f.tensor("image"));
      }
      int runs = 0;
      for (Map.Entry<String, JsonNode> run : f.json().path("runs").properties()) {
        if (run.getKey().equals("edit")) {
          continue; // Its picture is a file: ReferencePicturesTest.
        }
        try (Result r = engine.generate(Requests.given(run.getValue().path("call")))) {
          assertThat(r.latents())
              .as(run.getKey())
              .isCloseTo(f.tensor("run." + run.getKey() + ".final_latents"), TOLERANCE);
        }
        runs++;
      }
      Assertions.assertThat(runs).isEqualTo(f.json().path("runs").size() - 1).isPositive();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"flux2-tiny", "flux2-klein-tiny"})
  void promptsAreEncodedAsInTheReference(String name) {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Model model = new Flux2().build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      Parameters parameters = new Flux2().parameters(ModelFolder.open(f.pipeline()));
      Values call = Requests.given(f.json().path("call"));
      for (Map.Entry<String, JsonNode> text : f.json().path("tokenizer_ids").properties()) {
        List<String> notes = new ArrayList<>();
        Values request =
            call.with(RequestKeys.PROMPT, text.getValue().path("prompt").stringValue());
        Condition c = model.encode(parameters.resolve(request), 0, notes);
        assertThat(c.get("prompt_embeds"))
            .as(text.getKey())
            .isCloseTo(f.tensor("text." + text.getKey() + ".prompt_embeds"), TOLERANCE);
        if (!text.getKey().equals("unicode")) { // of which one tokenizer has more tokens than fit
          Assertions.assertThat(notes).hasSize(text.getKey().equals("long") ? 1 : 0);
        }
        assertThat(model.encode(parameters.resolve(request), 1, notes).get("prompt_embeds"))
            .as("negative branch")
            .isCloseTo(f.tensor("text.empty.prompt_embeds"), TOLERANCE);
      }
    }
  }

  /** Of what is cut, the user is told his part: not that of the template. */
  @CsvSource({"20, 'a red fox'", "65, 'fox'"})
  @ParameterizedTest
  void whatIsCutIsNamedWithoutItsTemplate(int limit, String cut) {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("flux2-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu());
        Result r = engine.generate(Requests.small("a red fox", 32, 32, 1, limit))) {
      Assertions.assertThat(r.notes())
          .singleElement()
          .asString()
          .contains("cut before '" + cut + "'");
    }
  }

  /** The reference's pipelines take places of pictures out of the prompt. */
  @Test
  void placesOfPicturesInAPromptAreNoTokens() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("flux2-tiny");
        Model model = new Flux2().build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      Parameters parameters = new Flux2().parameters(ModelFolder.open(f.pipeline()));
      Values request =
          Requests.given(f.json().path("call")).with(RequestKeys.PROMPT, "two[IMG] boats!");
      assertThat(
              model.encode(parameters.resolve(request), 0, new ArrayList<>()).get("prompt_embeds"))
          .isCloseTo(f.tensor("text.short.prompt_embeds"), TOLERANCE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"flux2-tiny", "flux2-klein-tiny"})
  void bfloat16StaysCloseToTheReferencesBfloat16(String name) {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu().withDtype(DType.BFLOAT16));
        Result r = engine.generate(Requests.given(f.json().path("call")))) {
      assertThat(r.latents()).hasPsnrAbove(35, f.tensor("bf16.final_latents"));
    }
  }

  /** Values of compute_empirical_mu: of the fixtures, and of 4301 tokens, where it changes. */
  @CsvSource({
    "24, 20, 1.8246567184966738",
    "24, 4, 1.9458947254741559",
    "4301, 20, 1.1846969299999999"
  })
  @ParameterizedTest
  void theShiftFollowsTokensAndSteps(int tokens, int steps, double mu) {
    Assertions.assertThat(Flux2Model.mu(tokens, steps)).isCloseTo(mu, Assertions.within(1e-12));
  }
}
