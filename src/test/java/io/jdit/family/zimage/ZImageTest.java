package io.jdit.family.zimage;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.PictureAssert;
import io.jdit.testing.Requests;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class ZImageTest {
  private static final double TOLERANCE = 1e-4;

  @Test
  void everyRunOfTheReferenceIsReproduced() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("z-image-turbo-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      try (Result r = engine.generate(Requests.of(f, f.json()))) {
        assertThat(r.latents()).isCloseTo(f.tensor("latents_step08"), TOLERANCE);
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
      Assertions.assertThat(runs).isEqualTo(7);
    }
  }

  /** Two prompts, each with noise of its own, as two requests. */
  @Test
  void aBatchOfTheReferenceIsReproducedPromptByPrompt() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("z-image-turbo-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      JsonNode run = f.json().path("runs").path("batch2");
      for (int i = 0; i < 2; i++) {
        Values request =
            Requests.of(f, f.json())
                .with(RequestKeys.PROMPT, run.path("override").path("prompt").get(i).stringValue())
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
        Fixture f = new Fixture("z-image-turbo-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu().withDtype(DType.BFLOAT16));
        Result r = engine.generate(Requests.of(f, f.json()))) {
      assertThat(r.latents()).hasPsnrAbove(35, f.tensor("bf16.latents"));
    }
  }

  @Test
  void aNegativePromptWithoutGuidanceIsNoted() {
    try (Fixture f = new Fixture("z-image-turbo-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Values request =
          Requests.small("a red fox", 32, 32, 1, 64).with(RequestKeys.NEGATIVE_PROMPT, "blurry");
      try (Result r = engine.generate(request)) {
        Assertions.assertThat(r.request().notes())
            .anyMatch(n -> n.contains("no effect at guidance_scale 0"));
      }
    }
  }

  @Test
  void aPromptLongerThanThePositionsIsRefused() {
    try (Fixture f = new Fixture("z-image-turbo-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Values request = Requests.small("cat ".repeat(400), 32, 32, 1, 512);
      Assertions.assertThatThrownBy(() -> engine.generate(request))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("256 positions");
    }
  }
}
