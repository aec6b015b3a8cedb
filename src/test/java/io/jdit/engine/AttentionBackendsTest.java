package io.jdit.engine;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.attention.AttentionBackend;
import io.jdit.attention.FusedAttention;
import io.jdit.config.Values;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Golden runs with every attention backend that runs on a CPU. */
@ExtendWith(NoLeaks.class)
class AttentionBackendsTest {
  private static final double TOLERANCE = 1e-4;

  static Stream<Arguments> runs() {
    return Stream.of("flux1-dev-tiny", "qwen-image-tiny", "wan21-t2v-tiny", "z-image-turbo-tiny")
        .flatMap(
            model ->
                Stream.of("torch_sdpa", "_native_flash", "_native_math", "auto", "_flash_3")
                    .map(backend -> Arguments.of(model, backend)));
  }

  @ParameterizedTest
  @MethodSource("runs")
  void everyBackendGivesTheReferencesLatents(String name, String backend) {
    Strategies cpu = Strategies.cpu();
    Strategies strategies =
        cpu.withAttention(
            new FusedAttention(
                new AttentionBackend(backend, "test")
                    .kernel(cpu.device(), cpu.dtype(), line -> {})));
    try (TensorScope scope = TensorScope.open();
        Fixture f = new Fixture(name);
        Engine engine = Engine.load(f.pipeline(), strategies);
        Result r = engine.generate(call(name, f))) {
      Tensor expected =
          switch (name) {
            case "qwen-image-tiny" -> f.tensor("latents_step15");
            case "z-image-turbo-tiny" -> f.tensor("latents_step08");
            default -> {
              Tensor steps = f.tensor("latents_steps");
              yield steps.select(0, steps.size(0) - 1);
            }
          };
      assertThat(r.latents().reshape(expected.shape())).isCloseTo(expected, TOLERANCE);
    }
  }

  private static Values call(String name, Fixture f) {
    return switch (name) {
      case "flux1-dev-tiny" -> Requests.of(f.json().path("call"));
      case "wan21-t2v-tiny" -> Requests.given(f.json().path("call"));
      default -> Requests.of(f, f.json());
    };
  }
}
