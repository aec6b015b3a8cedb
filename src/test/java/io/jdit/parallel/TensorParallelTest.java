package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.Linear;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import java.nio.file.Path;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class TensorParallelTest {
  @TempDir private Path folder;

  /**
   * A row layer's rank reads the columns of the reference: its output for the unit vectors is then
   * the sum over ranks, the whole weight again, and each shard alone is the indexed weight.
   */
  @ParameterizedTest
  @ValueSource(ints = {2, 4})
  void fusedProjectionsAreSplitAsInTheReference(int ranks) throws Exception {
    JsonNode layout =
        ModelConfig.read(Fixture.ROOT.resolve("parallel/tp_layout.json"))
            .json()
            .path("tiny")
            .path("tp" + ranks)
            .path("flux.single_transformer_blocks.proj_out");
    int[] parts = {layout.path("sizes").get(0).asInt(), layout.path("sizes").get(1).asInt()};
    int in = parts[0] + parts[1];
    int out = 3;
    Path file = write(out, in);
    LocalWorld.run(
        ranks,
        g -> {
          try (TensorScope owner = TensorScope.unbound();
              SafeTensorsFile weights = SafeTensorsFile.open(file)) {
            Linear row =
                new TensorParallel(g)
                    .row(new Weights(weights, DType.FLOAT32, Device.CPU, owner), parts, out, true);
            long[] mine = ExchangeLayoutTest.longs(layout.path("indices_per_rank").get(g.rank()));
            Assertions.assertThat(row.inFeatures()).isEqualTo(mine.length);
            Tensor x;
            try (Generator generator = new Generator(3)) {
              x = generator.randn(DType.FLOAT32, 5, in);
            }
            Tensor y = row.forward(x.indexSelect(1, Tensor.of(mine)));
            assertThat(y)
                .isCloseTo(
                    Functional.linear(x, weights.read("weight"), weights.read("bias")), 2e-6);
            Assertions.assertThat(g.traffic().bytes(Collective.ALL_REDUCE))
                .isEqualTo(2L * 5 * out * 4 * (ranks - 1) / ranks);
          }
        });
  }

  @Test
  void columnLayersHoldTheirRowsAndGatherThemWhenAsked() throws Exception {
    Path file = write(12, 8);
    LocalWorld.run(
        2,
        g -> {
          try (TensorScope owner = TensorScope.unbound();
              SafeTensorsFile file2 = SafeTensorsFile.open(file)) {
            Weights w = new Weights(file2, DType.FLOAT32, Device.CPU, owner);
            TensorParallel factory = new TensorParallel(g);
            Linear column = factory.column(w, 8, 12, true);
            Linear gathered = factory.gathered(w, 8, 12, true);
            Tensor x;
            try (Generator generator = new Generator(4)) {
              x = generator.randn(DType.FLOAT32, 2, 3, 8);
            }
            Tensor exact = Functional.linear(x, file2.read("weight"), file2.read("bias"));
            assertThat(column.forward(x)).isCloseTo(exact.narrow(2, 6L * g.rank(), 6), 2e-6);
            assertThat(gathered.forward(x)).isCloseTo(exact, 2e-6);
            Assertions.assertThat(gathered.outFeatures()).isEqualTo(12);
            Assertions.assertThat(owner.bytes()).isEqualTo(2 * (6 * 8 + 6) * 4);
            Assertions.assertThatThrownBy(() -> factory.column(w, 8, 11, false))
                .hasMessageContaining("11 outputs");
            Assertions.assertThatThrownBy(() -> factory.headsPerRank(3))
                .hasMessageContaining("3 attention heads cannot be split over 2")
                .hasMessageContaining("[1, 3]");
          }
        });
  }

  private Path write(int out, int in) throws Exception {
    Path file = folder.resolve("layer.safetensors");
    try (TensorScope scope = TensorScope.open();
        Generator generator = new Generator(2)) {
      SafeTensorsWriter.write(
          file,
          Map.of(
              "weight", generator.randn(DType.FLOAT32, out, in),
              "bias", generator.randn(DType.FLOAT32, out)));
    }
    return file;
  }
}
