package io.jdit.family.wan;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.media.Picture;
import io.jdit.media.PngWriter;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.testing.TinyPipeline;
import io.jdit.transformer.Acceleration;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
class WanTest {
  private static final double TOLERANCE = 1e-4;

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan22-t2v-tiny", "wan22-ti2v-tiny", "wan21-i2v-tiny"})
  void everyStepAndEveryFrameEqualTheReference(String name) throws Exception {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Values call = call(f, folder);
      engine.call(
          () -> {
            try (TensorScope inner = TensorScope.open();
                Generation g =
                    engine.begin(engine.parameters().resolve(call), Acceleration.none())) {
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
                    assertPicture(picture, video.select(0, frame));
                  });
              Assertions.assertThat(frames[0]).isEqualTo((int) video.size(0));
              return null;
            }
          });
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan22-t2v-tiny", "wan22-ti2v-tiny", "wan21-i2v-tiny"})
  void withoutGuidanceThereIsOneBranch(String name) throws Exception {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine =
            Engine.load(f.pipeline(), Strategies.cpu().withPlacement(Placement.onDemand()));
        Result r =
            engine.generate(
                call(f, folder)
                    .with(RequestKeys.GUIDANCE_SCALE, 1.0)
                    .without(RequestKeys.NEGATIVE_PROMPT))) {
      assertThat(r.latents()).isCloseTo(f.tensor("no_guidance.latents"), TOLERANCE);
      Assertions.assertThat(r.notes()).isEmpty();
      Assertions.assertThat(r.pictures()).hasSize((int) f.tensor("video").size(0));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan22-t2v-tiny", "wan22-ti2v-tiny", "wan21-i2v-tiny"})
  void theOtherSchedulerGivesWhatTheReferenceGives(String name) throws Exception {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name)) {
      TinyPipeline copy = TinyPipeline.copy(name, folder.resolve("pipeline"));
      String other = f.json().at("/alt_scheduler/scheduler_class").asString();
      copy.edit("model_index.json", f.json().at("/schedule/scheduler_class").asString(), other);
      Files.writeString(
          copy.resolve("scheduler/scheduler_config.json"),
          f.json().at("/alt_scheduler/config").toString());
      try (Engine engine = Engine.load(copy.folder(), Strategies.cpu());
          Result r = engine.generate(call(f, folder))) {
        assertThat(r.latents()).isCloseTo(f.tensor("alt_scheduler.latents"), TOLERANCE);
      }
    }
  }

  /**
   * Half precision rounds in other places than the reference does: the result has to be as close to
   * the reference's float32 as its own bfloat16 is, up to a third.
   */
  @ParameterizedTest
  @ValueSource(strings = {"wan21-t2v-tiny", "wan22-t2v-tiny", "wan22-ti2v-tiny", "wan21-i2v-tiny"})
  void bfloat16IsAsCloseToFloat32AsTheReferences(String name) throws Exception {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu().withDtype(DType.BFLOAT16));
        Result r = engine.generate(call(f, folder))) {
      Tensor steps = f.tensor("latents_steps");
      double[] exact = steps.select(0, steps.size(0) - 1).toDoubles();
      double own = meanDifference(r.latents().toDoubles(), exact);
      double reference = f.json().at("/bfloat16/mean_abs_diff_to_float32").asDouble();
      double between =
          meanDifference(r.latents().toDoubles(), f.tensor("bfloat16.latents").toDoubles());
      Assertions.assertThat(own).isLessThan(4 * reference / 3);
      Assertions.assertThat(between).isLessThan(2 * reference);
    }
  }

  private static double meanDifference(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.abs(a[i] - b[i]);
    }
    return sum / a.length;
  }

  /** What the fixture was made with; its picture goes into a file. */
  static Values call(Fixture f, Path folder) throws IOException {
    Values values = Requests.given(f.json().path("call"));
    if (!f.has("i2v.image_u8")) {
      return values;
    }
    Path file = folder.resolve("first.png");
    try (TensorScope scope = TensorScope.open()) {
      Tensor image = f.tensor("i2v.image_u8").to(DType.UINT8); // [3, H, W]
      PngWriter.write(
          file,
          new Picture((int) image.size(2), (int) image.size(1), image.permute(1, 2, 0).toBytes()),
          Map.of());
    }
    return values.with(RequestKeys.IMAGE_PATH, List.of(file.toString()));
  }

  private static void assertPicture(Picture image, Tensor expected) {
    double[] e = expected.toDoubles();
    int pixels = image.width() * image.height();
    for (int c = 0; c < 3; c++) {
      for (int i = 0; i < pixels; i++) {
        Assertions.assertThat((image.rgb()[3 * i + c] & 255) - Math.rint(255 * e[c * pixels + i]))
            .isBetween(-1.0, 1.0);
      }
    }
  }

  /** With the boundary at 0 or 1, one of the two transformers computes every step. */
  @Test
  void progressNamesTheTransformer() throws Exception {
    try (Fixture f = new Fixture("wan22-t2v-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      List<String> experts = new ArrayList<>();
      Progress progress =
          new Progress() {
            @Override
            public void expert(String component) {
              experts.add(component);
            }
          };
      engine.generate(call(f, folder), Acceleration.none(), progress).close();
      List<String> expected = new ArrayList<>();
      f.json().at("/schedule/model_per_step").forEach(n -> expected.add(n.asString()));
      Assertions.assertThat(experts).isEqualTo(expected);
      for (double boundary : new double[] {0, 1}) {
        experts.clear();
        Values call = call(f, folder).with(RequestKeys.BOUNDARY_RATIO, boundary);
        engine.generate(call, Acceleration.none(), progress).close();
        Assertions.assertThat(experts)
            .hasSize(expected.size())
            .containsOnly(boundary == 0 ? "transformer" : "transformer_2");
      }
    }
  }

  @Test
  void severalVideosOfOneRequestAreTheirOwn() throws Exception {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture("wan22-t2v-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu());
        Result two =
            engine.generate(
                Requests.small("a cat", 32, 32, 3, 24)
                    .with(RequestKeys.NUM_FRAMES, 5)
                    .with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, 2))) {
      Assertions.assertThat(two.pictures()).hasSize(10);
      Assertions.assertThat(two.latents().shape()).containsExactly(2, 16, 2, 4, 4);
      Assertions.assertThat(List.of(two.pictures().get(0).rgb()))
          .isNotEqualTo(List.of(two.pictures().get(5).rgb()));
    }
  }
}
