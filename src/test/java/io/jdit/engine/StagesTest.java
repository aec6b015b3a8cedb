package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.Values;
import io.jdit.pipeline.Placement;
import io.jdit.pipeline.Progress;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.testing.Fixture;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Components leave memory at the end of the stage that uses them: what a stage is said to take is
 * its own.
 */
class StagesTest {
  private final List<String> events = new ArrayList<>();

  @ParameterizedTest
  @MethodSource("io.jdit.testing.Fixture#families")
  void transformersGoBeforeDecoding(String model) {
    Strategies strategies = Strategies.cpu().withPlacement(recorded(Placement.onDemand()));
    try (Fixture f = new Fixture(model);
        Engine engine = Engine.load(f.pipeline(), strategies)) {
      Values request =
          Values.of(RequestKeys.PROMPT, "a red fox")
              .with(RequestKeys.HEIGHT, 64)
              .with(RequestKeys.WIDTH, 64)
              .with(RequestKeys.NUM_INFERENCE_STEPS, 2);
      request = Requests.fewFrames(engine.parameters(), request);
      engine.generate(request, Acceleration.none(), stages()).close();
    }
    assertThat(left("text_encode", "denoise")).anyMatch(c -> c.startsWith("text_encoder"));
    assertThat(left("denoise", "decode")).contains("transformer");
    assertThat(left("decode", null)).contains("vae").doesNotContain("transformer");
  }

  /** Components that were asked to go between the beginnings of two stages. */
  private List<String> left(String from, String to) {
    int end = to == null ? events.size() : events.indexOf(to);
    return events.subList(events.indexOf(from), end);
  }

  private Placement recorded(Placement placement) {
    return new Placement() {
      @Override
      public boolean atOnce(String component) {
        return placement.atOnce(component);
      }

      @Override
      public boolean keeps(String component) {
        events.add(component);
        return placement.keeps(component);
      }
    };
  }

  private Progress stages() {
    return new Progress() {
      @Override
      public void stage(String name) {
        events.add(name);
      }
    };
  }
}
