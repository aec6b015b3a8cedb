package io.jdit.family.flux1;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.GenerationCancelledException;
import io.jdit.engine.Result;
import io.jdit.media.Picture;
import io.jdit.metrics.Memory;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.DType;
import io.jdit.tensor.LeakDetector;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.PictureAssert;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.Map;
import javax.imageio.ImageIO;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class Flux1Test {
  private static final double TOLERANCE = 1e-4;

  @ParameterizedTest
  @ValueSource(strings = {"flux1-dev-tiny", "flux1-schnell-tiny"})
  void everyRunOfTheReferenceIsReproduced(String name) {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      try (Result r = engine.generate(Requests.of(f.json().path("call")))) {
        Tensor steps = f.tensor("latents_steps");
        assertThat(r.latents()).isCloseTo(steps.select(0, steps.size(0) - 1), TOLERANCE);
        PictureAssert.assertWithinOneLevel(r.pictures().get(0), f.tensor("image"));
      }
      for (Map.Entry<String, JsonNode> run : f.json().path("runs").properties()) {
        try (Result r = engine.generate(Requests.of(run.getValue().path("call")))) {
          assertThat(r.latents())
              .as(run.getKey())
              .isCloseTo(f.tensor("run." + run.getKey() + ".final_latents"), TOLERANCE);
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"flux1-dev-tiny", "flux1-schnell-tiny"})
  void bfloat16StaysCloseToTheReferencesBfloat16(String name) {
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu().withDtype(DType.BFLOAT16));
        Result r = engine.generate(Requests.of(f.json().path("call")))) {
      assertThat(r.latents()).hasPsnrAbove(35, f.tensor("bf16.final_latents"));
    }
  }

  @Test
  void theEmbeddedModelDrawsWhatTheReferenceDraws() throws Exception {
    Path folder = Fixture.ROOT.resolve("shapes");
    JsonNode runs =
        io.jdit.checkpoint.ModelConfig.read(folder.resolve("expected.json")).json().path("runs");
    try (TensorScope scope = TensorScope.open();
        SafeTensorsFile expected = SafeTensorsFile.open(folder.resolve("expected.safetensors"));
        Engine engine = Engine.load(Path.of("models/shapes"), Strategies.cpu())) {
      for (int i = 0; i < runs.size(); i++) {
        try (Result r = engine.generate(Requests.of(runs.get(i).path("call")))) {
          assertThat(r.latents())
              .as("prompt %d", i)
              .isCloseTo(expected.read(i + ".latents"), TOLERANCE);
          BufferedImage png = ImageIO.read(folder.resolve(i + ".png").toFile());
          assertWithinOneStep(r.pictures().get(0), png);
        }
      }
    }
  }

  @Test
  void generationsLeaveNothingBehind() {
    try (Fixture f = new Fixture("flux1-dev-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Values r = Requests.small("a red fox", 64, 96, 2, 32);
      for (int i = 0; i < 60; i++) { // the JVM itself grows while it compiles
        engine.generate(r).close();
      }
      long live = LeakDetector.live();
      long resident = outsideTheHeap();
      for (int i = 0; i < 50; i++) {
        engine.generate(r).close();
      }
      Assertions.assertThat(LeakDetector.live()).isEqualTo(live);
      Assertions.assertThat(outsideTheHeap() - resident)
          .as("growth of resident memory over 50 generations")
          .isLessThan(16L << 20);
    }
  }

  /** Resident memory without the Java heap, which the collector grows and shrinks as it likes. */
  private static long outsideTheHeap() {
    System.gc();
    return Memory.resident() - Runtime.getRuntime().totalMemory();
  }

  @Test
  void anInterruptEndsTheGenerationAndLeavesThePipelineUsable() {
    try (Fixture f = new Fixture("flux1-dev-tiny");
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      Values r = Requests.small("a red fox", 64, 96, 50, 32);
      Thread caller = Thread.currentThread();
      int[] last = {0};
      Progress interrupting =
          new Progress() {
            @Override
            public void step(int done, int total) {
              last[0] = done;
              if (done == 3) {
                caller.interrupt();
              }
            }
          };
      Assertions.assertThatThrownBy(() -> engine.generate(r, Acceleration.none(), interrupting))
          .isInstanceOf(GenerationCancelledException.class);
      Assertions.assertThat(Thread.interrupted()).isTrue();
      Assertions.assertThat(last[0]).isLessThan(50);
      engine.generate(r).close();
    }
  }

  private static void assertWithinOneStep(Picture image, BufferedImage expected) {
    for (int y = 0; y < image.height(); y++) {
      for (int x = 0; x < image.width(); x++) {
        for (int c = 0; c < 3; c++) {
          int e = expected.getRGB(x, y) >> (16 - 8 * c) & 255;
          int a = image.rgb()[3 * (y * image.width() + x) + c] & 255;
          Assertions.assertThat(Math.abs(a - e)).isLessThanOrEqualTo(1);
        }
      }
    }
  }
}
