package io.jdit.kernels;

import static io.jdit.kernels.InstructionSets.random;
import static io.jdit.kernels.InstructionSets.seeded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.kernels.QuantizedKernels.Format;
import io.jdit.kernels.QuantizedKernels.PackedWeight;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.TensorAssert;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Quantized layers on every instruction set against the formulas of {@code jdit_kernels.h}. */
@ExtendWith({InstructionSets.class, NoLeaks.class})
final class QuantizedKernelsTest {
  private static final List<String> ISAS =
      List.of("avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "avx512amx");
  private static final List<DType> DTYPES = List.of(DType.FLOAT32, DType.BFLOAT16);

  /**
   * Rows, columns, inputs: few rows, parts of a panel and of a vector, more inputs than a block
   * (8192 at most) and more rows than a task (768).
   */
  private static final int[][] SIZES = {
    {1, 5, 32},
    {1, 130, 64},
    {7, 80, 96},
    {13, 63, 1056},
    {5, 67, 2144},
    {8, 66, 8224},
    {800, 70, 64}
  };

  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  static Stream<Arguments> cases() {
    return ISAS.stream()
        .flatMap(isa -> Arrays.stream(Format.values()).map(format -> List.of(isa, format)))
        .flatMap(c -> DTYPES.stream().map(dtype -> Arguments.of(c.get(0), c.get(1), dtype)));
  }

  /** Codes as numbers, [columns, in]; scale and zero for each column, or each group and column. */
  private record Layer(
      PackedWeight packed, float[] codes, double[] scale, double[] zero, Tensor bias) {}

  private static Layer layer(Random random, Format format, DType dtype, int columns, int in) {
    if (format == Format.BFLOAT16_WEIGHT) {
      Tensor weight = random(random, DType.BFLOAT16, columns, in);
      return new Layer(
          new PackedWeight(format, QuantizedKernels.pack(format, weight), null, null, columns, in),
          weight.to(DType.FLOAT32).toFloats(),
          new double[columns],
          null,
          random(random, dtype, columns));
    }
    boolean int4 = format == Format.INT4_WEIGHT;
    byte[] bytes = new byte[int4 ? columns * in / 2 : columns * in];
    random.nextBytes(bytes);
    boolean float8 = format == Format.FLOAT8 || format == Format.FLOAT8_WEIGHT;
    float[] codes = new float[columns * in];
    for (int i = 0; i < codes.length; i++) {
      if (float8 && (bytes[i] & 127) == 127) {
        bytes[i] = 0; // NaN
      }
      codes[i] =
          float8 ? e4m3(bytes[i]) : int4 ? (byte) (bytes[i / 2] << 4 - i % 2 * 4) >> 4 : bytes[i];
    }
    Tensor scale =
        int4
            ? random(random, DType.BFLOAT16, in / 32, columns)
            : random(random, DType.FLOAT32, columns).abs();
    Tensor zero = int4 ? random(random, DType.BFLOAT16, in / 32, columns) : null;
    Tensor packed =
        QuantizedKernels.pack(format, Tensor.of(bytes, columns, bytes.length / columns));
    return new Layer(
        new PackedWeight(format, packed, scale, zero, columns, in),
        codes,
        scale.toDoubles(),
        int4 ? zero.toDoubles() : null,
        random(random, dtype, columns));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void computesTheFormula(String isa, Format format, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(31);
    for (int[] size : SIZES) {
      Layer layer = layer(random, format, dtype, size[1], size[2]);
      Tensor x = random(random, dtype, size[0], size[2]);
      for (boolean biased : new boolean[] {true, false}) {
        float[] expected = expected(layer, x, biased);
        Tensor bias = biased ? layer.bias : null;
        Tensor y = QuantizedKernels.linear(x, layer.packed, bias, false);
        if (format == Format.INT8) {
          assertThat(y.toFloats()).containsExactly(expected);
        }
        double tolerance = dtype == DType.BFLOAT16 ? 0x1p-8 : 1e-5;
        TensorAssert.assertThat(y).isCloseTo(Tensor.of(expected, size[0], size[1]), tolerance);
        double[] activated = new double[expected.length];
        for (int i = 0; i < expected.length; i++) {
          double v = expected[i];
          double u = Math.sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v);
          activated[i] = 0.5 * v * (1 + Math.tanh(u));
        }
        TensorAssert.assertThat(QuantizedKernels.linear(x, layer.packed, bias, true))
            .isCloseTo(Tensor.of(activated, size[0], size[1]), tolerance);
      }
    }
  }

  /** The formula in float64; of int8 every rounding is the formula's own. */
  private static float[] expected(Layer layer, Tensor input, boolean biased) {
    DType dtype = input.dtype();
    int rows = (int) input.size(0);
    int columns = (int) layer.packed.columns();
    int in = (int) layer.packed.in();
    float[] x = input.to(DType.FLOAT32).toFloats();
    float[] bias = biased ? layer.bias.to(DType.FLOAT32).toFloats() : new float[columns];
    float[] y = new float[rows * columns];
    double[] weight = weight(layer, dtype);
    for (int r = 0; r < rows; r++) {
      float largest = 0;
      for (int k = 0; k < in; k++) {
        largest = Math.max(largest, Math.abs(x[r * in + k]));
      }
      float s = 1;
      double[] row = new double[in];
      if (layer.packed.format() == Format.INT8) {
        s = Math.max(round(largest / 127.5f, dtype), 0x1p-23f);
      } else if (layer.packed.format() == Format.FLOAT8) {
        s = round(largest / 448, dtype);
      }
      for (int k = 0; k < in; k++) {
        float v = x[r * in + k];
        row[k] =
            switch (layer.packed.format()) {
              case INT8 -> Math.max(-128, Math.min(127, Math.rint(v * (1 / s))));
              case FLOAT8 -> nearestE4m3(v / s);
              default -> v;
            };
      }
      for (int c = 0; c < columns; c++) {
        double sum = 0;
        for (int k = 0; k < in; k++) {
          sum += row[k] * weight[c * in + k];
        }
        float scale = (float) layer.scale[c];
        float v =
            switch (layer.packed.format()) {
              case INT8 -> round((float) sum * s, dtype) * scale;
              case INT8_WEIGHT -> round(round(sum, dtype) * round(scale, dtype), dtype);
              case FLOAT8 -> (float) (sum * (s * scale));
              case FLOAT8_WEIGHT -> round(sum, dtype);
              case INT4_WEIGHT, BFLOAT16_WEIGHT -> (float) sum;
            };
        y[r * columns + c] = round(v + bias[c], dtype);
      }
    }
    return y;
  }

  /** What takes part in the sums, [columns, in]. */
  private static double[] weight(Layer layer, DType dtype) {
    int columns = (int) layer.packed.columns();
    int in = (int) layer.packed.in();
    double[] weight = new double[columns * in];
    for (int c = 0; c < columns; c++) {
      for (int k = 0; k < in; k++) {
        int i = c * in + k;
        int group = k / 32 * columns + c;
        weight[i] =
            switch (layer.packed.format()) {
              case FLOAT8_WEIGHT -> round(layer.codes[i] * layer.scale[c], dtype);
              case INT4_WEIGHT ->
                  round(layer.codes[i] * layer.scale[group] + layer.zero[group], dtype);
              default -> layer.codes[i];
            };
      }
    }
    return weight;
  }

  private static float round(double x, DType dtype) {
    int bits = Float.floatToRawIntBits((float) x);
    return dtype == DType.FLOAT32
        ? (float) x
        : Float.intBitsToFloat((bits + 0x7fff + (bits >>> 16 & 1)) & 0xffff0000);
  }

  private static float e4m3(int code) {
    int exponent = code >> 3 & 15;
    int mantissa = code & 7;
    float x = exponent == 0 ? Math.scalb(mantissa, -9) : Math.scalb(8f + mantissa, exponent - 10);
    return code < 0 ? -x : x;
  }

  private static float nearestE4m3(float x) {
    int best = 0;
    for (int code = 1; code < 127; code++) {
      double d = Math.abs((double) Math.abs(x) - e4m3(code));
      double least = Math.abs((double) Math.abs(x) - e4m3(best));
      if (d < least || d == least && code % 2 == 0) {
        best = code;
      }
    }
    return Math.copySign(e4m3(best), x);
  }

  /** One layout for all: a weight that was packed under one instruction set, on each. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16"})
  void int8IsTheSameOnAllInstructionSets(DType dtype) {
    Random random = seeded(32);
    for (int[] size : SIZES) {
      InstructionSets.use("avx2");
      Layer layer = layer(random, Format.INT8, dtype, size[1], size[2]);
      Tensor x = random(random, dtype, size[0], size[2]);
      for (boolean gelu : new boolean[] {false, true}) {
        InstructionSets.use("avx2");
        byte[] expected = QuantizedKernels.linear(x, layer.packed, layer.bias, gelu).toBytes();
        for (String isa :
            InstructionSets.among("avxvnni", "avx512", "avx512vnni", "avx512bf16", "avx512amx")) {
          InstructionSets.use(isa);
          assertThat(QuantizedKernels.linear(x, layer.packed, layer.bias, gelu).toBytes())
              .as("%s, %s", isa, Arrays.toString(size))
              .isEqualTo(expected);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void rowsStayApart(String isa, Format format, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(33);
    Layer layer = layer(random, format, dtype, 83, 96);
    Tensor x = random(random, dtype, 9, 96);
    double[] before = QuantizedKernels.linear(x, layer.packed, layer.bias, false).toDoubles();
    x.select(0, 2).fill_(0);
    x.select(0, 5).narrow(0, 95, 1).fill_(Double.NaN);
    double[] after = QuantizedKernels.linear(x, layer.packed, layer.bias, false).toDoubles();
    double[] bias = layer.bias.toDoubles();
    System.arraycopy(bias, 0, before, 2 * bias.length, bias.length);
    Arrays.fill(before, 5 * bias.length, 6 * bias.length, Double.NaN);
    assertThat(after).containsExactly(before);
  }

  @ParameterizedTest
  @ValueSource(strings = {"avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "avx512amx"})
  void aCodeThatIsNanMakesItsColumnNan(String isa) {
    InstructionSets.use(isa);
    byte[] codes = new byte[70 * 32];
    codes[66 * 32 + 31] = 127;
    double[] expected = new double[70];
    expected[66] = Double.NaN;
    Tensor scale = Tensor.full(1, DType.FLOAT32, Device.CPU, 70);
    for (Format format : List.of(Format.FLOAT8, Format.FLOAT8_WEIGHT)) {
      Tensor packed = QuantizedKernels.pack(format, Tensor.of(codes, 70, 32));
      PackedWeight weight = new PackedWeight(format, packed, scale, null, 70, 32);
      for (DType dtype : DTYPES) {
        Tensor x = Tensor.full(1, dtype, Device.CPU, 1, 32);
        assertThat(QuantizedKernels.linear(x, weight, null, false).toDoubles())
            .containsExactly(expected);
      }
    }
  }

  @Test
  void theScalarSetHasNone() {
    InstructionSets.use("avx2");
    assertThat(QuantizedKernels.supports(DType.BFLOAT16, Device.CPU, 64)).isTrue();
    Layer layer = layer(seeded(34), Format.INT8, DType.FLOAT32, 8, 32);
    InstructionSets.use("scalar");
    assertThat(QuantizedKernels.supports(DType.BFLOAT16, Device.CPU, 64)).isFalse();
    Tensor x = Tensor.zeros(DType.FLOAT32, Device.CPU, 1, 32);
    assertThatThrownBy(() -> QuantizedKernels.linear(x, layer.packed, null, false))
        .hasMessageContaining("not for this instruction set");
  }
}
