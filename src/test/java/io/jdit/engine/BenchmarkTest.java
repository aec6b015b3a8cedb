package io.jdit.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.jdit.config.Values;
import io.jdit.pipeline.RequestKeys;
import io.jdit.pipeline.Strategies;
import io.jdit.testing.NoLeaks;
import io.jdit.transformer.Acceleration;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(NoLeaks.class)
class BenchmarkTest {
  @TempDir private Path folder;

  /** A step of every shape that JDiT brings along, with one block. */
  @ParameterizedTest
  @CsvSource({
    "flux-mid, num_layers",
    "qwen-image-mid, num_layers",
    "wan-mid, num_layers",
    "z-image-mid, n_layers",
    "flux2-mid, num_layers",
    "hunyuan-video-mid, num_layers"
  })
  void stepsOfAShape(String name, String layers) throws Exception {
    Shapes.write(name, Map.of("transformer." + layers, "1"), folder);
    Values small = Values.of(RequestKeys.HEIGHT, 64).with(RequestKeys.WIDTH, 64);
    Benchmark benchmark =
        new Benchmark(folder, Strategies.cpu(), 0, Acceleration.none(), small, 1, 2);
    Map<String, List<Double>> times = benchmark.steps().milliseconds();
    assertThat(times).containsOnlyKeys("step", "attention", "as product");
    assertThat(times.values()).allSatisfy(t -> assertThat(t).hasSize(2).allMatch(ms -> ms > 0));
    for (int i = 0; i < 2; i++) {
      assertThat(times.get("attention").get(i)).isLessThan(times.get("step").get(i));
    }
  }

  /** The published model's: 74.4 TFLOP a step at 1024 x 1024. */
  @Test
  void operationsOfFlux1Dev() throws Exception {
    assertThat(Shapes.names()).hasSize(7);
    Shapes.write("flux1-dev", Map.of(), folder);
    assertThat(ModelCost.of(folder, Values.none()).transformer().flops())
        .isCloseTo(74.4e12, within(0.5e12));
  }

  /** As docs/benchmarks.md says: 196 in linear layers, 49 in attention. */
  @Test
  void operationsOfTheMidSizeFlux() throws Exception {
    Shapes.write("flux-mid", Map.of(), folder);
    assertThat(ModelCost.of(folder, Values.none()).transformer().flops())
        .isCloseTo(245e9, within(1e9));
  }
}
