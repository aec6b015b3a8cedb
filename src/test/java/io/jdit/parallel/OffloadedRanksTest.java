package io.jdit.parallel;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.attention.FusedAttention;
import io.jdit.config.Values;
import io.jdit.engine.Engine;
import io.jdit.engine.Result;
import io.jdit.offload.Offload;
import io.jdit.offload.OffloadKeys;
import io.jdit.offload.OffloadSettings;
import io.jdit.pipeline.Strategies;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.Requests;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks of which each reads its part of a layer when it comes. */
@ExtendWith(NoLeaks.class)
class OffloadedRanksTest {
  @ParameterizedTest
  @ValueSource(strings = {"tp", "ulysses"})
  void shardsOfLayersComeAndGo(String layout) {
    int tp = layout.equals("tp") ? 2 : 1;
    Mesh mesh = new Mesh(1, 1, 1, 2 / tp, tp);
    assertThat(latents(mesh, Values.of(OffloadKeys.DIT_LAYERWISE, true)))
        .isEqualTo(latents(mesh, Values.none()));
  }

  private static List<String> latents(Mesh mesh, Values offload) {
    Path pipeline = Fixture.ROOT.resolve("flux1-dev-tiny/pipeline");
    Strategies strategies = Strategies.cpu().withPlacement(Offload.of(OffloadSettings.of(offload)));
    return LocalWorld.call(
        2,
        world -> {
          try (TensorScope scope = TensorScope.open();
              ParallelModel parallel =
                  new ParallelModel(ParallelConfig.of(mesh), world, new FusedAttention());
              Engine engine = Engine.load(pipeline, parallel.apply(strategies));
              Result result = engine.generate(Requests.small("a red fox", 32, 32, 2, 32))) {
            return Arrays.toString(result.latents().toBytes());
          }
        });
  }
}
