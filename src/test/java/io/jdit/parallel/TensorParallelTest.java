package io.jdit.parallel;

import static io.jdit.testing.TensorAssert.assertThat;

import io.jdit.checkpoint.ModelConfig;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.checkpoint.Weights;
import io.jdit.nn.DenseLinear;
import io.jdit.nn.Input;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.LinearFormat;
import io.jdit.nn.Norm;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.JsonNode;

@ExtendWith(NoLeaks.class)
class TensorParallelTest {
  @TempDir private Path folder;

  /**
   * A row layer's rank reads the columns of the reference: its output for the unit vectors is then
   * the sum over ranks, the whole weight again, and each shard alone is the indexed weight.
   */
  @ParameterizedTest
  @CsvSource({
    "2, flux.single_transformer_blocks.proj_out",
    "4, flux.single_transformer_blocks.proj_out",
    "2, flux2.single_transformer_blocks.attn.to_out",
    "4, flux2.single_transformer_blocks.attn.to_out"
  })
  void fusedProjectionsAreSplitAsInTheReference(int ranks, String layer) throws Exception {
    JsonNode layout = layout(ranks, layer);
    int[] parts = parts(layout);
    int in = LinearFactory.sum(parts);
    int out = 3;
    Path file = write(out, in);
    LocalWorld.run(
        ranks,
        g -> {
          try (TensorScope owner = TensorScope.unbound();
              SafeTensorsFile weights = SafeTensorsFile.open(file)) {
            Linear row =
                new TensorParallel(g, LinearFormat.dense())
                    .row(new Weights(weights, DType.FLOAT32, Device.CPU, owner), parts, out, true);
            long[] mine = ExchangeLayoutTest.longs(layout.path("indices_per_rank").get(g.rank()));
            Assertions.assertThat(row.inFeatures()).isEqualTo(mine.length);
            Tensor x = randn(5, in);
            Tensor y = row.forward(x.indexSelect(1, Tensor.of(mine)));
            assertThat(y)
                .isCloseTo(
                    Functional.linear(x, weights.read("weight"), weights.read("bias")), 2e-6);
            Assertions.assertThat(g.traffic().bytes(Collective.ALL_REDUCE))
                .isEqualTo(2L * 5 * out * 4 * (ranks - 1) / ranks);
          }
        });
  }

  @ParameterizedTest
  @CsvSource({
    "2, flux2.transformer_blocks.ff.linear_in",
    "4, flux2.transformer_blocks.ff.linear_in",
    "2, flux2.single_transformer_blocks.attn.to_qkv_mlp_proj",
    "4, flux2.single_transformer_blocks.attn.to_qkv_mlp_proj"
  })
  void fusedOutputsAreSplitAsInTheReference(int ranks, String layer) throws Exception {
    JsonNode layout = layout(ranks, layer);
    int[] parts = parts(layout);
    int out = LinearFactory.sum(parts);
    Path file = write(out, 8);
    LocalWorld.run(
        ranks,
        g -> {
          try (TensorScope owner = TensorScope.unbound();
              SafeTensorsFile weights = SafeTensorsFile.open(file)) {
            Linear column =
                new TensorParallel(g, LinearFormat.dense())
                    .column(new Weights(weights, DType.FLOAT32, Device.CPU, owner), 8, parts, true);
            long[] mine = ExchangeLayoutTest.longs(layout.path("indices_per_rank").get(g.rank()));
            Tensor x = randn(5, 8);
            Tensor whole = Functional.linear(x, weights.read("weight"), weights.read("bias"));
            Tensor rows = Tensor.of(mine);
            assertThat(column.forward(x)).isCloseTo(whole.indexSelect(1, rows), 2e-6);
          }
        });
  }

  private static JsonNode layout(int ranks, String layer) {
    return ModelConfig.read(Fixture.ROOT.resolve("parallel/tp_layout.json"))
        .json()
        .path("tiny")
        .path("tp" + ranks)
        .path(layer);
  }

  private static int[] parts(JsonNode layout) {
    return Arrays.stream(ExchangeLayoutTest.longs(layout.path("sizes")))
        .mapToInt(Math::toIntExact)
        .toArray();
  }

  private static Tensor randn(long... shape) {
    try (Generator generator = new Generator(3)) {
      return generator.randn(DType.FLOAT32, shape);
    }
  }

  /** Any format sees shards only: here one that stores the weight in half the bytes. */
  @Test
  void formatsAreMadeOfShards() throws Exception {
    Path file = write(12, 8);
    LinearFormat half = (w, in, out, bias) -> new HalfLinear(w, in, out, bias);
    LocalWorld.run(
        2,
        g -> {
          try (TensorScope owner = TensorScope.unbound();
              SafeTensorsFile weights = SafeTensorsFile.open(file)) {
            Weights w = new Weights(weights, DType.FLOAT32, Device.CPU, owner);
            TensorParallel factory = new TensorParallel(g, half);
            Tensor x = randn(5, 8);
            Tensor exact = Functional.linear(x, weights.read("weight"), weights.read("bias"));
            assertThat(factory.gathered(w, 8, 12, true).forward(x)).isCloseTo(exact, 0.01);
            Assertions.assertThat(owner.bytes()).isEqualTo(6 * 8 * 2 + 6 * 4);
            Tensor mine = x.narrow(1, 4L * g.rank(), 4);
            assertThat(factory.row(w, 8, 12, true).forward(mine)).isCloseTo(exact, 0.01);
            assertThat(factory.sharingHeads(3).column(w, 8, 12, true).forward(x))
                .isCloseTo(exact, 0.01);
            Assertions.assertThat(factory.sharingHeads(4)).isSameAs(factory);
          }
        });
  }

  /** A shard that takes GELU of what it reads sees its part of both tensors. */
  @Test
  void rowLayersReadTwoTensorsAndTakeGelu() throws Exception {
    Path file = write(3, 12);
    LinearFormat takes = (w, in, out, bias) -> new GeluLinear(new DenseLinear(w, in, out, bias));
    LocalWorld.run(
        2,
        g -> {
          try (TensorScope owner = TensorScope.unbound();
              SafeTensorsFile weights = SafeTensorsFile.open(file)) {
            Linear row =
                new TensorParallel(g, takes)
                    .row(
                        new Weights(weights, DType.FLOAT32, Device.CPU, owner),
                        new int[] {4, 8},
                        3,
                        true);
            Tensor first = randn(5, 4);
            Tensor second = randn(5, 8);
            Input mine =
                Input.geluTanhOf(second.narrow(1, 4L * g.rank(), 4))
                    .behind(first.narrow(1, 2L * g.rank(), 2));
            Tensor whole = Tensor.cat(1, first, Functional.geluTanh(second));
            Assertions.assertThat(row.takesGeluTanh()).isTrue();
            assertThat(row.forward(mine))
                .isCloseTo(
                    Functional.linear(whole, weights.read("weight"), weights.read("bias")), 2e-6);
          }
        });
  }

  private record GeluLinear(Linear layer) implements Linear {
    @Override
    public Tensor forward(Input x) {
      return layer.forward(x);
    }

    @Override
    public boolean takesGeluTanh() {
      return true;
    }

    @Override
    public int inFeatures() {
      return layer.inFeatures();
    }

    @Override
    public int outFeatures() {
      return layer.outFeatures();
    }
  }

  private static final class HalfLinear implements Linear {
    private final Tensor weight;
    private final Tensor bias;

    HalfLinear(Weights w, int in, int out, boolean bias) {
      weight = w.as(DType.BFLOAT16).get("weight", out, in);
      this.bias = bias ? w.get("bias", out) : null;
    }

    @Override
    public Tensor forward(Input x) {
      return x.apply(t -> Functional.linear(t, weight.to(t.dtype()), bias));
    }

    @Override
    public int inFeatures() {
      return (int) weight.size(1);
    }

    @Override
    public int outFeatures() {
      return (int) weight.size(0);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16"})
  void normAcrossHeadsEqualsThatOfOneProcess(DType dtype) throws Exception {
    Path file = write(12, 8);
    LocalWorld.run(
        2,
        g -> {
          try (TensorScope owner = TensorScope.unbound();
              SafeTensorsFile weights = SafeTensorsFile.open(file)) {
            Weights w = new Weights(weights, dtype, Device.CPU, owner).at("norm");
            Norm sharded = new TensorParallel(g, LinearFormat.dense()).normAcrossHeads(w, 12, 1e-6);
            Norm whole = LinearFactory.dense().normAcrossHeads(w, 12, 1e-6);
            Tensor x = randn(2, 3, 12).to(dtype);
            Tensor expected = whole.forward(x).narrow(2, 6L * g.rank(), 6);
            Tensor actual = sharded.forward(x.narrow(2, 6L * g.rank(), 6));
            assertThat(actual).isCloseTo(expected, dtype == DType.FLOAT32 ? 1e-6 : 0.01);
            Assertions.assertThat(actual.dtype()).isEqualTo(dtype);
            Assertions.assertThat(g.traffic().bytes(Collective.ALL_REDUCE)).isEqualTo(2 * 3 * 4);
          }
        });
  }

  @Test
  void shapesOfTheWholeAreCheckedBeforeACut() throws Exception {
    Path file = write(12, 8);
    try (TensorScope owner = TensorScope.unbound();
        SafeTensorsFile weights = SafeTensorsFile.open(file)) {
      Weights w = new Weights(weights, DType.FLOAT32, Device.CPU, owner);
      Assertions.assertThatThrownBy(() -> w.cut(0, 1, 2).get("weight", 10, 8))
          .hasMessageContaining("layer.safetensors")
          .hasMessageContaining("[12, 8], expected [10, 8]");
      Assertions.assertThatThrownBy(() -> w.cut(0, 1, 5).get("weight", 12, 8))
          .hasMessageContaining("weight: 12 of dimension 0 cannot be cut into 5");
      Assertions.assertThatThrownBy(() -> w.cut(1, 1, 2, 4, 2).get("weight", 12, 8))
          .hasMessageContaining("[4, 2] do not make up");
      Assertions.assertThat(w.cut(1, 1, 2).get("bias", 12).size(0)).isEqualTo(12);
      Assertions.assertThat(w.cut(1, 1, 2, 4, 4).get("weight", 12, 8).shape())
          .containsExactly(12, 4);
    }
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
            TensorParallel factory = new TensorParallel(g, LinearFormat.dense());
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
              "bias", generator.randn(DType.FLOAT32, out),
              "norm.weight", generator.randn(DType.FLOAT32, out)));
    }
    return file;
  }
}
