package io.jdit.quant;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.kernels.CodeKernels;
import io.jdit.kernels.CodeKernels.Codes;
import io.jdit.kernels.CodeRounding;
import io.jdit.kernels.InstructionSets;
import io.jdit.kernels.QuantizedKernels;
import io.jdit.nn.Input;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.TensorAssert;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** One layer in every type against torchao's codes and scales, and against exact arithmetic. */
@ExtendWith({InstructionSets.class, NoLeaks.class})
class QuantizedLinearTest {
  private static final Path FILE = Fixture.ROOT.resolve("parallel/quant.safetensors");

  /** Row of the weight, and of the activation, that hold zeros only. */
  private static final int ZERO_ROW = 5;

  private static final int ZERO_TOKEN = 3;

  /** How a layer is computed: so, or by the kernels on an instruction set, which is named then. */
  private static final String OPERATORS = "operators";

  /** Relative L2 errors against float32 that torchao's arithmetic has on these tensors. */
  private static final Map<QuantType, Double> ERRORS =
      Map.of(
          QuantType.INT8_WEIGHT_ONLY, 0.0046,
          QuantType.FLOAT8_WEIGHT_ONLY, 0.0070,
          QuantType.INT8_PER_ROW, 0.0091,
          QuantType.FLOAT8_PER_ROW, 0.0094,
          QuantType.INT4_WEIGHT_ONLY, 0.021,
          QuantType.INT8_PER_TENSOR, 0.022,
          QuantType.FLOAT8_PER_TENSOR, 0.025,
          QuantType.FLOAT8_PER_BLOCK, 0.0254);

  private TensorScope scope;
  private SafeTensorsFile file;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
    file = SafeTensorsFile.open(FILE);
  }

  @AfterEach
  void close() {
    file.close();
    scope.close();
  }

  @ParameterizedTest
  @EnumSource(QuantType.class)
  void codesAndScalesOfTheWeightAreTorchaos(QuantType type) {
    QuantizedWeight w = QuantizedWeight.of(type, file.read("weight"));
    String codes = type == QuantType.INT4_WEIGHT_ONLY ? ".weight_packed" : ".weight_q";
    assertThat(w.codes().toBytes()).isEqualTo(file.read(type.text() + codes).toBytes());
    assertThat(w.scale().toDoubles())
        .containsExactly(file.read(type.text() + ".weight_scale").toDoubles());
    if (type == QuantType.INT4_WEIGHT_ONLY) {
      assertThat(w.zero().toDoubles())
          .containsExactly(file.read(type.text() + ".weight_zero").toDoubles());
    }
    String values = type.text() + ".weight_dequant";
    if (file.info(values) != null) {
      assertThat(w.values(DType.BFLOAT16).toDoubles())
          .containsExactly(file.read(values).toDoubles());
    }
  }

  /** More elements than are quantized at a time, and a last piece that is smaller. */
  @ParameterizedTest
  @EnumSource(QuantType.class)
  void aWeightInPiecesHasTheBitsOfTheWhole(QuantType type) {
    Generator g = new Generator(0);
    for (DType dtype : new DType[] {DType.BFLOAT16, DType.FLOAT32}) {
      Tensor weight = g.randn(DType.FLOAT32, 1408, 640).to(dtype);
      QuantizedWeight found = QuantizedWeight.of(type, weight);
      Tensor[] expected = whole(type, weight);
      assertThat(found.codes().viewAs(DType.UINT8).equalTo(expected[0].viewAs(DType.UINT8)))
          .isTrue();
      assertThat(found.scale().equalTo(expected[1])).isTrue();
      if (type == QuantType.INT4_WEIGHT_ONLY) {
        assertThat(found.zero().equalTo(expected[2])).isTrue();
      }
    }
    g.close();
  }

  /** Codes and scales by the formulas, applied to all of it at once. */
  private static Tensor[] whole(QuantType type, Tensor w) {
    if (type == QuantType.INT4_WEIGHT_ONLY) {
      return Rounding.int4(w);
    }
    if (type == QuantType.FLOAT8_PER_BLOCK) {
      Tensor scale = CodeRounding.scale(Rounding.blocks(w), type.codes(), false).squeeze(2);
      Tensor spread = Rounding.spread(scale, 128, 128);
      return new Tensor[] {CodeRounding.codes(w, spread, type.codes()), scale};
    }
    Tensor rows = type.scales() == QuantType.Scales.PER_TENSOR ? w.view(1, -1) : w;
    Tensor scale = CodeRounding.scale(rows, type.codes(), false);
    return new Tensor[] {CodeRounding.codes(w, scale, type.codes()), scale};
  }

  @ParameterizedTest
  @EnumSource(value = QuantType.class, names = ".*_PER_.*", mode = EnumSource.Mode.MATCH_ALL)
  void codesAndScalesOfTheActivationAreTorchaos(QuantType type) {
    Tensor x = file.read("activation");
    boolean perTensor = type.scales() == QuantType.Scales.PER_TENSOR;
    Tensor rows = type.scales() == QuantType.Scales.PER_BLOCK ? x.view(6, 2, 128) : x;
    Codes found = CodeKernels.quantize(rows, type.codes(), perTensor);
    assertThat(found.scale().toDoubles())
        .containsExactly(file.read(type.text() + ".activation_scale").toDoubles());
    assertThat(found.codes().toBytes())
        .isEqualTo(file.read(type.text() + ".activation_q").toBytes());
  }

  /** Every type in tensor operators and, where the processor has them, by the kernels. */
  static Stream<Arguments> implementations() {
    return Stream.concat(
        Arrays.stream(QuantType.values()).map(type -> Arguments.of(type, OPERATORS)), kernels());
  }

  static Stream<Arguments> kernels() {
    return Arrays.stream(QuantType.values())
        .filter(type -> type.kernel() != null)
        .flatMap(
            type ->
                Stream.of("avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "avx512amx")
                    .map(isa -> Arguments.of(type, isa)));
  }

  /** One unit in the last place: the order of the float32 sums differs. */
  @ParameterizedTest
  @MethodSource("implementations")
  void outputsAreTheReferences(QuantType type, String how) {
    double[] expected = file.read(type.text() + ".output").toDoubles();
    double[] found = forward(type, DType.BFLOAT16, how).toDoubles();
    for (int i = 0; i < expected.length; i++) {
      double ulp = Math.scalb(1.0, Math.getExponent(expected[i]) - 7);
      assertThat(Math.abs(found[i] - expected[i]))
          .as("%s, element %d: found %s, expected %s", type, i, found[i], expected[i])
          .isLessThanOrEqualTo(ulp);
    }
  }

  @ParameterizedTest
  @MethodSource("implementations")
  void errorsAreThoseOfTheType(QuantType type, String how) {
    double[] exact = exact();
    for (DType dtype : new DType[] {DType.BFLOAT16, DType.FLOAT32}) {
      double[] found = forward(type, dtype, how).toDoubles();
      double error = 0;
      double norm = 0;
      for (int i = 0; i < exact.length; i++) {
        error += Math.pow(found[i] - exact[i], 2);
        norm += exact[i] * exact[i];
      }
      assertThat(Math.sqrt(error / norm))
          .as("%s in %s", type, dtype)
          // torchao computes in bfloat16; what float32 does not round adds to neither side.
          .isLessThanOrEqualTo((dtype == DType.BFLOAT16 ? 1.01 : 1.03) * ERRORS.get(type));
    }
  }

  /** x W^T + b in float64. */
  private double[] exact() {
    double[] x = file.read("activation").toDoubles();
    double[] w = file.read("weight").toDoubles();
    double[] b = file.read("bias").toDoubles();
    double[] y = new double[6 * 128];
    for (int m = 0; m < 6; m++) {
      for (int n = 0; n < 128; n++) {
        double sum = b[n];
        for (int k = 0; k < 256; k++) {
          sum += x[m * 256 + k] * w[n * 256 + k];
        }
        y[m * 128 + n] = sum;
      }
    }
    return y;
  }

  private Tensor forward(QuantType type, DType dtype, String how) {
    Tensor bias = file.read("bias").to(dtype);
    return layer(type, file.read("weight").to(dtype), bias, how)
        .forward(file.read("activation").to(dtype));
  }

  /**
   * @param how {@link #OPERATORS}, or an instruction set, which all kernels use from now on; skips
   *     the test where the processor lacks it
   */
  private static QuantizedLinear layer(QuantType type, Tensor weight, Tensor bias, String how) {
    QuantizedWeight w = QuantizedWeight.of(type, weight);
    if (how.equals(OPERATORS)) {
      return QuantizedLinear.eager(w, bias);
    }
    InstructionSets.use(how);
    assertThat(QuantizedKernels.supports(weight.dtype(), Device.CPU, weight.size(1))).isTrue();
    return QuantizedLinear.of(w, bias, weight.dtype(), t -> t);
  }

  /** Odd sizes, GELU, one row and many: the kernel against the tensor operators. */
  @ParameterizedTest
  @MethodSource("kernels")
  void kernelsComputeWhatTheTensorOperatorsDo(QuantType type, String isa) {
    for (DType dtype : new DType[] {DType.BFLOAT16, DType.FLOAT32}) {
      for (int[] size : new int[][] {{1, 32, 16}, {7, 96, 80}, {131, 320, 208}, {800, 64, 130}}) {
        try (TensorScope inner = TensorScope.open();
            Generator g = new Generator(size[0])) {
          Tensor x = g.randn(DType.FLOAT32, size[0], size[1]).to(dtype);
          Tensor weight = g.randn(DType.FLOAT32, size[2], size[1]).to(dtype);
          Tensor bias = g.randn(DType.FLOAT32, size[2]).to(dtype);
          QuantizedLinear kernel = layer(type, weight, bias, isa);
          QuantizedLinear eager = layer(type, weight, bias, OPERATORS);
          double tolerance = dtype == DType.BFLOAT16 ? 0x1p-8 : 1e-5;
          TensorAssert.assertThat(kernel.forward(x)).isCloseTo(eager.forward(x), tolerance);
          TensorAssert.assertThat(kernel.forwardGeluTanh(Input.of(x)))
              .isCloseTo(eager.forwardGeluTanh(Input.of(x)), tolerance);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("implementations")
  void rowsOfZerosStayZeros(QuantType type, String how) {
    Tensor y = layer(type, file.read("weight"), null, how).forward(file.read("activation"));
    assertThat(y.isFinite()).isTrue();
    assertThat(y.select(0, ZERO_TOKEN).toDoubles()).containsOnly(0);
    assertThat(y.select(1, ZERO_ROW).toDoubles()).containsOnly(0);
    Tensor zeros = Tensor.zeros(DType.BFLOAT16, Device.CPU, 128, 256);
    Tensor none = layer(type, zeros, null, how).forward(zeros.narrow(0, 0, 2));
    for (double value : none.toDoubles()) {
      assertThat(Math.abs(value))
          .isLessThanOrEqualTo(type == QuantType.INT4_WEIGHT_ONLY ? 1e-6 : 0);
    }
  }

  @Test
  void leadingDimensionsStay() {
    QuantizedLinear layer =
        layer(QuantType.INT8_PER_ROW, file.read("weight"), file.read("bias"), OPERATORS);
    Tensor x = file.read("activation");
    Tensor y = layer.forward(x.view(2, 3, 256));
    assertThat(y.shape()).containsExactly(2, 3, 128);
    assertThat(y.toDoubles()).containsExactly(layer.forward(x).toDoubles());
    assertThat(layer.inFeatures()).isEqualTo(256);
    assertThat(layer.outFeatures()).isEqualTo(128);
  }
}
