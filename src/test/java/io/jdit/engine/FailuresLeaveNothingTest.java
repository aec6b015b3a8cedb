package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.ModelFormatException;
import io.jdit.config.Values;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.LeakDetector;
import io.jdit.testing.Fixture;
import io.jdit.testing.Requests;
import io.jdit.testing.TinyPipeline;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What was made before a failure is freed. */
class FailuresLeaveNothingTest {
  @TempDir private Path folder;

  @Test
  void aGenerationThatCannotBegin() {
    try (Engine engine =
        Engine.load(Fixture.ROOT.resolve("flux1-dev-tiny/pipeline"), Strategies.cpu())) {
      Values request = Requests.small("a", 64, 64, 1, 24);
      engine.generate(request).close(); // its prompt is kept
      long before = LeakDetector.live();
      assertThatThrownBy(
              () ->
                  engine.generate(
                      request,
                      outline -> {
                        throw new IllegalStateException("no cache for " + outline);
                      },
                      Progress.NONE))
          .hasMessageContaining("no cache for");
      assertThat(LeakDetector.live()).as("%s", LeakDetector.report(3)).isEqualTo(before);
    }
  }

  @Test
  void aModelWhoseLastPartIsBroken() throws IOException {
    TinyPipeline model = TinyPipeline.copy("flux1-dev-tiny", folder.resolve("model"));
    Files.delete(model.resolve("vae/diffusion_pytorch_model.safetensors"));
    long before = LeakDetector.live();
    assertThatThrownBy(() -> Engine.load(model.folder(), Strategies.cpu()))
        .isInstanceOf(ModelFormatException.class);
    Path second = model.resolve("tokenizer_2/tokenizer.json");
    Files.writeString(second, "{");
    assertThatThrownBy(() -> Engine.load(model.folder(), Strategies.cpu()))
        .isInstanceOf(ModelFormatException.class);
    assertThat(LeakDetector.live()).as("%s", LeakDetector.report(3)).isEqualTo(before);
  }
}
