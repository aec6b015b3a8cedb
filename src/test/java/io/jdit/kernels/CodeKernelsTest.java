package io.jdit.kernels;

import static io.jdit.kernels.InstructionSets.random;
import static io.jdit.kernels.InstructionSets.seeded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.kernels.CodeKernels.Codes;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Codes and scaled sums, bit for bit: the tensor operators against formulas in Java and, over the
 * emulation, the CUDA kernels against both.
 */
@ExtendWith({InstructionSets.class, NoLeaks.class})
final class CodeKernelsTest {
  private static final long[] DIMS = {1, 7, 24, 128, 1000, 3072, 12288};
  private static final List<DType> TYPES = List.of(DType.INT8, DType.FLOAT8_E4M3);

  private TensorScope scope;

  @BeforeEach
  void open() {
    InstructionSets.use("auto");
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** Ordinary rows, zeros, rows below each floor of a scale, and rows near the largest number. */
  private static Tensor rows(DType dtype, long dim) {
    Tensor x = random(seeded(41), DType.FLOAT32, 6, dim);
    boolean half = dtype == DType.FLOAT16;
    x.select(0, 1).fill_(0);
    x.select(0, 2).copy_(x.select(0, 2).mul(half ? 1e-6 : 1e-7));
    x.select(0, 3).copy_(x.select(0, 3).mul(half ? 6e-8 : 1e-37));
    x.select(0, 4).copy_(x.select(0, 4).clamp(-3, 3).mul(half ? 2e4 : 1e38));
    return x.to(dtype);
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void codesAndScalesAreThoseOfTheFormula(DType dtype) {
    for (long dim : DIMS) {
      Tensor x = rows(dtype, dim);
      float[] values = x.to(DType.FLOAT32).toFloats();
      for (DType type : TYPES) {
        for (boolean perTensor : new boolean[] {false, true}) {
          Codes found = CodeKernels.quantize(x, type, perTensor);
          float[] scales = found.scale().toFloats();
          byte[] codes = found.codes().toBytes();
          float all = largest(values, 0, values.length);
          byte[] expected = new byte[codes.length];
          for (int row = 0; row < x.size(0); row++) {
            int first = (int) (row * dim);
            float largest = perTensor ? all : largest(values, first, (int) dim);
            float scale = scale(type, dtype, largest);
            assertThat(scales[perTensor ? 0 : row]).isEqualTo(scale);
            for (int i = first; i < first + dim; i++) {
              expected[i] = code(type, values[i], scale);
            }
          }
          assertThat(codes).as("%s per tensor %s, D %d", type, perTensor, dim).isEqualTo(expected);
        }
      }
    }
  }

  private static float largest(float[] values, int from, int count) {
    float largest = 0;
    for (int i = from; i < from + count; i++) {
      largest = Math.max(largest, Math.abs(values[i]));
    }
    return largest;
  }

  private static float scale(DType type, DType dtype, float largest) {
    if (type == DType.INT8) {
      return Math.max((float) InstructionSets.rounded(largest / 127.5f, dtype), 0x1p-23f);
    }
    float scale = (float) InstructionSets.rounded(largest / 448f, dtype);
    return scale == 0 ? 1 : scale;
  }

  private static byte code(DType type, float x, float scale) {
    return type == DType.INT8
        ? (byte) Math.max(-128, Math.min(127, Math.rint(x * (1 / scale))))
        : e4m3(x / scale);
  }

  /** The nearest code, of two the even one, found by halving. */
  private static byte e4m3(float x) {
    double magnitude = Math.min(448, Math.abs((double) x));
    int low = 0;
    int high = 126;
    while (high - low > 1) {
      int middle = (low + high) / 2;
      if (e4m3(middle) <= magnitude) {
        low = middle;
      } else {
        high = middle;
      }
    }
    double below = magnitude - e4m3(low);
    double above = e4m3(high) - magnitude;
    int code = below < above || below == above && low % 2 == 0 ? low : high;
    return (byte) (code | (Float.floatToRawIntBits(x) < 0 ? 0x80 : 0));
  }

  private static double e4m3(int code) {
    int exponent = code >> 3 & 15;
    int mantissa = code & 7;
    return exponent == 0 ? mantissa * 0x1p-9 : Math.scalb(8.0 + mantissa, exponent - 10);
  }

  /** Views, leading dimensions and the rows that have no formula, against the tensor operators. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void codesAreTheTwins(DType dtype) {
    Tensor wide = random(seeded(42), dtype, 2, 5, 96);
    Tensor infinite = random(seeded(43), dtype, 3, 40);
    infinite.select(0, 1).narrow(0, 39, 1).fill_(Double.NEGATIVE_INFINITY);
    infinite.select(0, 1).narrow(0, 3, 1).fill_(Double.POSITIVE_INFINITY);
    for (Tensor x : List.of(wide.narrow(2, 32, 48), wide.transpose(0, 1), infinite)) {
      for (boolean perTensor : new boolean[] {false, true}) {
        for (DType type : TYPES) {
          Codes found = CodeKernels.quantize(x, type, perTensor);
          Codes twin = EagerKernels.quantize(x, type, perTensor);
          assertThat(found.codes().shape()).containsExactly(x.shape());
          assertThat(found.scale().shape()).containsExactly(twin.scale().shape());
          assertThat(found.scale().toDoubles()).containsExactly(twin.scale().toDoubles());
          // Numbers, for NaN has a sign that no one asks for.
          assertThat(found.codes().to(DType.FLOAT32).toDoubles())
              .containsExactly(twin.codes().to(DType.FLOAT32).toDoubles());
        }
      }
    }
  }

  /** Rows in two tensors, GELU of the second: the bits of one pass after the other. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void partsAreJoinedAndGeluIsTakenAheadOfCodes(DType dtype) {
    for (long[] dims : new long[][] {{0, 24}, {5, 3}, {8, 16}, {1000, 333}, {3072, 12288}}) {
      Tensor x = rows(dtype, dims[1]).view(2, 3, -1);
      Tensor before =
          dims[0] == 0 ? null : rows(dtype, dims[0] + 2).view(2, 3, -1).narrow(2, 1, dims[0]);
      for (boolean gelu : new boolean[] {false, true}) {
        Tensor y = gelu ? Kernels.geluTanh(x) : x;
        Tensor joined = before == null ? y : Tensor.cat(-1, before, y);
        for (DType type : TYPES) {
          for (boolean perTensor : new boolean[] {false, true}) {
            Codes found = CodeKernels.quantize(before, x, gelu, type, perTensor);
            Codes expected = CodeKernels.quantize(joined, type, perTensor);
            assertThat(found.codes().shape()).containsExactly(2, 3, dims[0] + dims[1]);
            assertThat(found.scale().shape()).containsExactly(expected.scale().shape());
            assertThat(found.scale().equalTo(expected.scale())).isTrue();
            assertThat(found.codes().toBytes()).isEqualTo(expected.codes().toBytes());
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void aRowWithNanHasNoScale(DType dtype) {
    Tensor x = random(seeded(44), dtype, 3, 40);
    x.select(0, 1).narrow(0, 7, 1).fill_(Double.NaN);
    for (DType type : TYPES) {
      Codes codes = CodeKernels.quantize(x, type, false);
      double[] numbers = codes.codes().to(DType.FLOAT32).mul(codes.scale()).toDoubles();
      for (int i = 0; i < numbers.length; i++) {
        assertThat(Double.isNaN(numbers[i])).isEqualTo(i / 40 == 1);
      }
      assertThat(CodeKernels.quantize(x, type, true).scale().item()).isNaN();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void sumsAreScaledWithTwoRoundings(DType dtype) {
    Random random = seeded(45);
    for (int columns : new int[] {1, 7, 24, 333}) {
      int rows = 5;
      long[] sums = new long[rows * columns];
      for (int i = 0; i < sums.length; i++) {
        sums[i] = random.nextInt() >> (i % 2 == 0 ? 2 : 16);
      }
      Tensor exact = Tensor.of(sums, rows, columns).to(DType.INT32);
      Tensor perRow = random(random, DType.FLOAT32, rows, 1).mul(1e-3);
      Tensor perColumn = random(random, DType.FLOAT32, columns, 1).mul(1e-3);
      Tensor bias = random(random, dtype, columns);
      double[] added = bias.toDoubles();
      for (Tensor r : List.of(perRow, perRow.narrow(0, 2, 1))) {
        for (Tensor c : List.of(perColumn, perColumn.narrow(0, columns - 1, 1))) {
          float[] rowScale = r.toFloats();
          float[] columnScale = c.toFloats();
          float[] expected = new float[sums.length];
          for (int i = 0; i < expected.length; i++) {
            float y = (float) sums[i] * rowScale[rowScale.length == 1 ? 0 : i / columns];
            float scaled =
                (float) InstructionSets.rounded(y, dtype)
                    * columnScale[columnScale.length == 1 ? 0 : i % columns];
            expected[i] = scaled + (float) added[i % columns];
          }
          Tensor wanted = Tensor.of(expected, rows, columns).to(dtype);
          Tensor found = CodeKernels.scaleSums(exact, r, c, bias, dtype, false);
          assertThat(found.dtype()).isEqualTo(dtype);
          assertThat(found.toDoubles()).containsExactly(wanted.toDoubles());
          assertThat(CodeKernels.scaleSums(exact, r, c, null, dtype, false).toDoubles())
              .containsExactly(EagerKernels.scaleSums(exact, r, c, null, dtype).toDoubles());
          assertThat(CodeKernels.scaleSums(exact, r, c, bias, dtype, true).toDoubles())
              .containsExactly(Kernels.geluTanh(found).toDoubles());
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void theCheckOfADeviceFindsNoDifference(DType dtype) {
    try (Generator g = new Generator(46)) {
      KernelCheck check = new KernelCheck(Device.CPU, dtype, 5, 2, 16, 1);
      assertThat(check.checkCodes(g.randn(dtype, 1, 5, 32), g))
          .hasSize(6)
          .allMatch(KernelCheck.Result::passed);
    }
  }

  @Test
  void theCudaLibraryHasTheKernels() {
    boolean cuda = NativeLibraries.cpu().detail().contains("built for emulation");
    assertThat(CodeKernels.supports(DType.BFLOAT16, Device.CPU)).isEqualTo(cuda);
  }

  @Test
  void takesNoRows() {
    for (DType type : TYPES) {
      Codes none = CodeKernels.quantize(InstructionSets.empty(DType.BFLOAT16, 0, 8), type, false);
      assertThat(none.codes().shape()).containsExactly(0, 8);
      assertThat(none.scale().shape()).containsExactly(0, 1);
    }
  }

  @Test
  void refusesWrongArgumentsByName() {
    Tensor sums = Tensor.zeros(DType.INT32, Device.CPU, 2, 8);
    Tensor row = Tensor.zeros(DType.FLOAT32, Device.CPU, 2, 1);
    Tensor column = Tensor.zeros(DType.FLOAT32, Device.CPU, 8, 1);
    Tensor bias = Tensor.zeros(DType.FLOAT32, Device.CPU, 8);
    DType dtype = DType.BFLOAT16;
    assertThatThrownBy(() -> CodeKernels.quantize(row, dtype, false))
        .hasMessage("quantize: expected int8 or e4m3, found bfloat16");
    assertThatThrownBy(() -> CodeKernels.quantize(column, row, true, DType.INT8, false))
        .hasMessage("quantize before: expected shape [2, 1], found [8, 1]");
    assertThatThrownBy(() -> CodeKernels.scaleSums(sums, column, column, null, dtype, false))
        .hasMessage("scaleSums rowScale: expected shape [2, 1], found [8, 1]");
    assertThatThrownBy(() -> CodeKernels.scaleSums(sums, row, column, bias, dtype, false))
        .hasMessage("scaleSums bias: expected bfloat16 on cpu, found float32 on cpu");
  }
}
