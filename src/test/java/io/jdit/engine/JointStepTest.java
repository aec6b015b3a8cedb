package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.config.Values;
import io.jdit.pipeline.Generation;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.LeakDetector;
import io.jdit.testing.Fixture;
import io.jdit.testing.Requests;
import io.jdit.transformer.Acceleration;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Requests that join and leave a batch between steps give what each gives alone, up to rounding.
 */
class JointStepTest {
  private static final double RELATIVE = 1e-5;

  @ParameterizedTest
  @MethodSource("io.jdit.testing.Fixture#families")
  void rowsAreIndependent(String model) {
    long live = LeakDetector.live();
    try (Fixture f = new Fixture(model);
        Engine engine = Engine.load(f.pipeline(), Strategies.cpu())) {
      List<Values> requests =
          List.of(
              request(engine, "a red fox", 6, 3),
              request(engine, "a fox red", 4, 4).with(RequestKeys.NUM_OUTPUTS_PER_PROMPT, 2),
              request(engine, "a red fox", 5, 5));
      List<float[]> alone = new ArrayList<>();
      for (Values r : requests) {
        alone.addAll(engine.call(() -> run(engine, List.of(r), 0)));
      }
      List<float[]> together = engine.call(() -> run(engine, requests, 2));
      for (int i = 0; i < requests.size(); i++) {
        assertClose(together.get(i), alone.get(i));
      }
    }
    assertThat(LeakDetector.live()).isEqualTo(live);
  }

  private static Values request(Engine engine, String prompt, int steps, int seed) {
    Values request =
        Values.of(RequestKeys.PROMPT, prompt)
            .with(RequestKeys.HEIGHT, 64)
            .with(RequestKeys.WIDTH, 96)
            .with(RequestKeys.NUM_INFERENCE_STEPS, steps)
            .with(RequestKeys.SEED, BigInteger.valueOf(seed));
    request = Requests.fewFrames(engine.parameters(), request);
    if (engine.parameters().keys().contains(RequestKeys.TRUE_CFG_SCALE)) {
      request =
          request.with(RequestKeys.NEGATIVE_PROMPT, "blur").with(RequestKeys.TRUE_CFG_SCALE, 2.5);
    }
    return request;
  }

  /** The last request joins when the others have taken {@code late} steps. */
  private static List<float[]> run(Engine engine, List<Values> requests, int late) {
    List<Generation> generations = new ArrayList<>();
    try {
      int largest = 0;
      for (Values r : requests) {
        Generation g = engine.begin(engine.parameters().resolve(r), Acceleration.none());
        generations.add(g);
        g.encode();
      }
      for (int round = 0; generations.stream().anyMatch(g -> !g.done()); round++) {
        int now = round;
        List<Generation> open =
            generations.stream()
                .filter(g -> !g.done())
                .filter(g -> now >= late || g != generations.get(generations.size() - 1))
                .toList();
        assertThat(open.stream().map(Generation::batchKey).distinct()).hasSize(1);
        assertThat(open.stream().map(Generation::batchKey)).allMatch(Objects::nonNull);
        largest = Math.max(largest, open.size());
        Generation.step(open);
      }
      assertThat(largest).isEqualTo(requests.size());
      return generations.stream().map(g -> g.latents().toFloats()).toList();
    } finally {
      generations.forEach(Generation::close);
    }
  }

  private static void assertClose(float[] actual, float[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    double largest = 0;
    double worst = 0;
    for (int i = 0; i < actual.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i]));
      worst = Math.max(worst, Math.abs(actual[i] - expected[i]));
    }
    assertThat(worst).as("of %s", largest).isLessThanOrEqualTo(RELATIVE * largest);
  }
}
