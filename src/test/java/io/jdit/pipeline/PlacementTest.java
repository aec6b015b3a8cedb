package io.jdit.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.ModelFolder;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.family.Families;
import io.jdit.tensor.LeakDetector;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NoLeaks.class)
class PlacementTest {
  /** Latents, conditions and rotary tables stay, weights do not. */
  private static final int FEW = 30;

  /** Live tensors after encoding, a step and decoding of two requests, less those before. */
  private record Run(List<Long> live, List<byte[]> latents) {}

  @ParameterizedTest
  @ValueSource(
      strings = {
        "flux1-dev-tiny",
        "z-image-turbo-tiny",
        "qwen-image-tiny",
        "wan21-t2v-tiny",
        "wan22-t2v-tiny"
      })
  void partsOnDemandGoAfterTheirStageAndChangeNothing(String name) {
    Path pipeline = Fixture.ROOT.resolve(name).resolve("pipeline");
    Run resident = run(pipeline, Placement.resident());
    Run turns = run(pipeline, Placement.onDemand());
    for (int i = 0; i < 2; i++) {
      assertThat(turns.latents.get(i)).isEqualTo(resident.latents.get(i));
      assertThat(turns.live.get(3 * i)).as("after encoding").isBetween(1L, (long) FEW);
      assertThat(turns.live.get(3 * i + 1))
          .as("after a step")
          .isBetween((long) FEW, resident.live.get(1) - FEW);
      assertThat(turns.live.get(3 * i + 2)).as("after decoding").isBetween(1L, (long) FEW);
    }
  }

  private static Run run(Path pipeline, Placement placement) {
    Values values =
        Requests.small("a red fox", 32, 32, 3, 32).with(RequestKeys.NEGATIVE_PROMPT, "blurry");
    Request request = Engine.parameters(pipeline).resolve(values);
    ModelFolder folder = ModelFolder.open(pipeline);
    Run run = new Run(new ArrayList<>(), new ArrayList<>());
    long before = LeakDetector.live();
    try (Model model =
        Families.of(folder).build(folder, Strategies.cpu().withPlacement(placement))) {
      for (int i = 0; i < 2; i++) {
        try (TensorScope scope = TensorScope.open();
            Generation g = new Generation(model, request, Branches.here(), Acceleration.none())) {
          g.encode();
          run.live.add(LeakDetector.live() - before);
          while (!g.done()) {
            g.step();
          }
          run.live.add(LeakDetector.live() - before);
          g.decode((output, frame, picture) -> {});
          run.live.add(LeakDetector.live() - before);
          run.latents.add(g.latents().toBytes());
        }
      }
    }
    return run;
  }
}
