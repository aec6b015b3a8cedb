package io.jdit.quant;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.attention.Attention;
import io.jdit.attention.HeadProjections;
import io.jdit.attention.HeadProjections.Names;
import io.jdit.attention.HeadProjections.Shape;
import io.jdit.attention.Tokens;
import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.checkpoint.SafeTensorsWriter;
import io.jdit.checkpoint.Weights;
import io.jdit.kernels.CodeKernels;
import io.jdit.kernels.InstructionSets;
import io.jdit.metrics.Trace;
import io.jdit.nn.FeedForward;
import io.jdit.nn.Input;
import io.jdit.nn.Linear;
import io.jdit.nn.LinearFactory;
import io.jdit.nn.LinearFormat;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Quantized layers that read the same activation, and that take GELU of it: the bits of layers that
 * know nothing of each other. By tensor operators and, over the emulation, by the CUDA kernels.
 */
@ExtendWith({InstructionSets.class, NoLeaks.class})
final class SharedInputTest {
  private static final int DIM = 128;
  private static final int WIDTH = 256;

  @TempDir private Path folder;
  private TensorScope scope;
  private SafeTensorsFile file;
  private Weights weights;
  private Tensor x; // [2, 5, DIM]

  @BeforeEach
  void write() throws Exception {
    InstructionSets.use("auto");
    scope = TensorScope.open();
    Map<String, Tensor> all = new LinkedHashMap<>();
    try (Generator g = new Generator(8)) {
      for (String name : List.of("to_q", "to_k", "to_v")) {
        layer(all, g, name, DIM, DIM);
      }
      layer(all, g, "net.0.proj", DIM, WIDTH);
      layer(all, g, "net.2", WIDTH, DIM);
      layer(all, g, "proj_out", DIM + WIDTH, DIM);
      x = g.randn(DType.FLOAT32, 2, 5, DIM).to(DType.BFLOAT16);
    }
    SafeTensorsWriter.write(folder.resolve("w.safetensors"), all);
    file = SafeTensorsFile.open(folder.resolve("w.safetensors"));
    weights = new Weights(file, DType.BFLOAT16, Device.CPU, scope);
  }

  private static void layer(Map<String, Tensor> all, Generator g, String name, int in, int out) {
    all.put(name + ".weight", g.randn(DType.FLOAT32, out, in).to(DType.BFLOAT16));
    all.put(name + ".bias", g.randn(DType.FLOAT32, out).to(DType.BFLOAT16));
  }

  @AfterEach
  void close() {
    file.close();
    scope.close();
  }

  /** As on a GPU: no layer by the kernels of the CPU. */
  private static LinearFactory linears(QuantType type) {
    LinearFormat format =
        (w, in, out, bias) ->
            QuantizedLinear.eager(
                QuantizedWeight.of(type, w.get("weight", out, in)), w.get("bias", out));
    return LinearFactory.of(format);
  }

  private Linear layer(QuantType type, String name, int in, int out) {
    return linears(type).replicated(weights.at(name), in, out, true);
  }

  private static long count(Trace trace, String kernel) {
    return trace.events().stream().filter(e -> e.name().equals(kernel)).count();
  }

  /** A stream's query, key and value and what else reads it, as in a single block. */
  @ParameterizedTest
  @EnumSource(
      value = QuantType.class,
      names = "(INT8|FLOAT8)_PER_(ROW|TENSOR)",
      mode = EnumSource.Mode.MATCH_ALL)
  void layersOfAStreamQuantizeItOnce(QuantType type) {
    Names names = Names.HIDDEN.withoutNorms();
    HeadProjections projections =
        HeadProjections.perHead(
            weights, linears(type), new Shape(DIM, 2, DIM / 2, true, 1e-6), names);
    Linear mlp = layer(type, "net.0.proj", DIM, WIDTH);
    Attention together =
        (q, k, v, tokens) -> Tensor.cat(-1, q.flatten(2, 3), k.flatten(2, 3), v.flatten(2, 3));
    Tensor[] found = new Tensor[2];
    try (Trace trace = Trace.start(() -> {})) {
      try (TensorScope block = TensorScope.open()) {
        Input stream = Input.of(x);
        found[0] =
            block.keep(
                HeadProjections.attend(together, Tokens.here(), null, projections.of(stream))
                    .await());
        found[1] = block.keep(mlp.forwardGeluTanh(stream));
      }
      assertThat(count(trace, "quantize_rows")).isEqualTo(1);
    }
    Tensor[] alone =
        Stream.of("to_q", "to_k", "to_v")
            .map(name -> layer(type, name, DIM, DIM).forward(x))
            .toArray(Tensor[]::new);
    assertThat(found[0].equalTo(Tensor.cat(-1, alone))).isTrue();
    assertThat(found[1].equalTo(mlp.forwardGeluTanh(Input.of(x)))).isTrue();
  }

  /** Layers of several types read one input, each its own codes. */
  @ParameterizedTest
  @EnumSource(QuantType.class)
  void layersOfOtherTypesReadTheSameInput(QuantType type) {
    Input shared = Input.of(x);
    layer(QuantType.INT8_PER_ROW, "to_q", DIM, DIM).forward(shared);
    layer(QuantType.FLOAT8_PER_TENSOR, "to_k", DIM, DIM).forward(shared);
    Linear layer = layer(type, "to_v", DIM, DIM);
    assertThat(layer.forward(shared).equalTo(layer.forward(x))).isTrue();
  }

  @ParameterizedTest
  @EnumSource(QuantType.class)
  void geluIsTakenByTheLayerThatQuantizesIt(QuantType type) {
    Linear in = layer(type, "net.0.proj", DIM, WIDTH);
    Linear out = layer(type, "net.2", WIDTH, DIM);
    Linear joined = layer(type, "proj_out", DIM + WIDTH, DIM);
    assertThat(out.takesGeluTanh())
        .isEqualTo(type.sharesCodes() && CodeKernels.supports(Device.CPU));
    Tensor middle = in.forwardGeluTanh(Input.of(x));
    FeedForward feedForward = new FeedForward(weights, linears(type), DIM, WIDTH);
    try (Trace trace = Trace.start(() -> {})) {
      Input input = in.geluTanhFor(joined, Input.of(x)).behind(x);
      assertThat(input.shape()).containsExactly(2, 5, DIM + WIDTH);
      assertThat(feedForward.forward(x).equalTo(out.forward(middle))).isTrue();
      assertThat(joined.forward(input).equalTo(joined.forward(Tensor.cat(-1, x, middle)))).isTrue();
      if (out.takesGeluTanh()) {
        assertThat(count(trace, "gelu_tanh")).isZero();
      }
    }
  }
}
