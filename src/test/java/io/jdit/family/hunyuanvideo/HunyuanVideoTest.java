package io.jdit.family.hunyuanvideo;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.pipeline.Condition;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.Model;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Request;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.scheduler.Trajectory;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.PictureAssert;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class HunyuanVideoTest {
  private static final double TOLERANCE = 1e-4;

  @Test
  void everyStepAndEveryFrameEqualTheReference() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("hunyuan-video-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      engine.call(
          () -> {
            Request request = engine.parameters().resolve(call(f));
            try (TensorScope inner = TensorScope.open();
                Generation g = engine.begin(request, Acceleration.none())) {
              g.encode();
              assertThat(g.latents()).isCloseTo(f.tensor("latents_init"), 1e-6);
              Tensor steps = f.tensor("latents_steps");
              while (!g.done()) {
                g.step();
                assertThat(g.latents().select(0, 0))
                    .as("step %d", g.stepsDone())
                    .isCloseTo(steps.select(0, g.stepsDone() - 1), TOLERANCE);
              }
              Tensor video = f.tensor("video");
              int[] frames = {0};
              g.decode(
                  (output, frame, picture) -> {
                    Assertions.assertThat(frame).isEqualTo(frames[0]++);
                    PictureAssert.assertWithinOneLevel(picture, video.narrow(0, frame, 1));
                  });
              Assertions.assertThat(frames[0]).isEqualTo((int) video.size(0));
              return null;
            }
          });
    }
  }

  @Test
  void aNegativePromptGuidesAsInTheReference() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("hunyuan-video-tiny");
        Engine engine =
            Engine.load(f.pipeline(), Strategies.cpu().withPlacement(Placement.onDemand()));
        Result r = engine.generate(Requests.guided(f))) {
      assertThat(r.latents()).isCloseTo(f.tensor("true_cfg.latents"), TOLERANCE);
      Assertions.assertThat(r.notes()).isEmpty();
      Assertions.assertThat(r.pictures()).hasSize(13);
    }
  }

  /** The prompts of the fixture: states with their padding, what counts, the pooled vector. */
  @Test
  void promptsAreEncodedAsTheReferenceDoes() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("hunyuan-video-tiny");
        Model model = new HunyuanVideo().build(ModelFolder.open(f.pipeline()), Strategies.cpu())) {
      Request request = resolve(f, Requests.guided(f));
      String[] branches = {"", "negative_"};
      for (int b = 0; b < 2; b++) {
        Condition c = model.encode(request, b, new ArrayList<>());
        for (String name : List.of("prompt_embeds", "pooled_prompt_embeds")) {
          assertThat(c.get(name)).isCloseTo(f.tensor(branches[b] + name), TOLERANCE);
        }
        Assertions.assertThat(c.get("length").item())
            .isEqualTo(f.tensor(branches[b] + "prompt_embeds_mask").sum().item());
      }
      JsonNode texts = f.json().path("text").path("component");
      for (int i = 0; i < texts.size(); i++) {
        String raw = texts.get(i).path("raw").asString();
        List<String> notes = new ArrayList<>();
        Condition c = model.encode(resolve(f, call(f).with(RequestKeys.PROMPT, raw)), 0, notes);
        assertThat(c.get("prompt_embeds"))
            .as(raw)
            .isCloseTo(f.tensor("text_encoder." + i + ".hidden"), TOLERANCE);
        assertThat(c.get("pooled_prompt_embeds"))
            .as(raw)
            .isCloseTo(f.tensor("text_encoder_2." + i + ".pooled"), TOLERANCE);
        Assertions.assertThat(c.get("length").item())
            .isEqualTo(texts.get(i).path("num_tokens").asInt() - 95);
        boolean tooLong = i == 1 || i == 3; // of a letter too many of several scripts, and of all
        Assertions.assertThat(notes.stream().filter(n -> n.contains(" Llama tokens, 24 are used")))
            .as(raw)
            .hasSize(tooLong ? 1 : 0)
            .noneMatch(n -> n.contains("<|eot_id|>"));
      }
    }
  }

  private static Request resolve(Fixture f, Values values) {
    return Engine.parameters(f.pipeline()).resolve(values);
  }

  @Test
  void timestepsAreTheReferences() {
    try (Fixture f = new Fixture("hunyuan-video-tiny");
        Model model = new HunyuanVideo().build(ModelFolder.open(f.pipeline()), Strategies.cpu());
        Trajectory t = model.trajectory(resolve(f, call(f)))) {
      JsonNode schedule = f.json().path("schedule");
      Assertions.assertThat(t.steps()).isEqualTo(schedule.path("timesteps").size());
      for (int i = 0; i < t.steps(); i++) {
        Assertions.assertThat(t.timestep(i))
            .isEqualTo((float) schedule.path("timesteps").get(i).asDouble());
        Assertions.assertThat(t.sigma(i))
            .isEqualTo((float) schedule.path("sigmas").get(i).asDouble());
      }
    }
  }

  @Test
  void bfloat16StaysCloseToTheReferencesBfloat16() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("hunyuan-video-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu().withDtype(DType.BFLOAT16));
        Result r = engine.generate(call(f))) {
      assertThat(r.latents()).hasPsnrAbove(35, f.tensor("bfloat16.latents"));
    }
  }

  /** Other sizes, frame counts, prompts, scales, lengths and shifts; two videos of one request. */
  @Test
  void otherCallsEqualTheReference() {
    try (TensorScope scope = TensorScope.open();
        Fixture tiny = new Fixture("hunyuan-video-tiny");
        Fixture f = new Fixture("hunyuan-video-calls");
        Engine engine = Engine.load(tiny.pipeline(), Strategies.cpu())) {
      JsonNode calls = f.json().path("calls");
      Assertions.assertThat(calls.size()).isEqualTo(7);
      for (var call : calls.properties()) {
        try (Result r = engine.generate(Requests.given(call.getValue()))) {
          assertThat(r.latents())
              .as(call.getKey())
              .isCloseTo(f.tensor(call.getKey() + ".latents"), TOLERANCE);
        }
      }
    }
  }

  @Test
  void severalVideosOfOneRequestAreTheirOwn() {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("hunyuan-video-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu());
        Result two =
            engine.generate(
                Requests.small("a cat", 32, 48, 3, 24)
                    .with(RequestKeys.NUM_FRAMES, 21)
                    .with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, 2))) {
      Assertions.assertThat(two.pictures()).hasSize(42);
      Assertions.assertThat(two.latents().shape()).containsExactly(2, 16, 6, 4, 6);
      Assertions.assertThat(List.of(two.pictures().get(0).rgb()))
          .isNotEqualTo(List.of(two.pictures().get(21).rgb()));
    }
  }

  /** What the fixture was made with. */
  private static Values call(Fixture f) {
    return Requests.given(f.json().path("call"));
  }
}
