package io.jdit.kernels;

import static io.jdit.kernels.InstructionSets.assertRounded;
import static io.jdit.kernels.InstructionSets.empty;
import static io.jdit.kernels.InstructionSets.halfUlp;
import static io.jdit.kernels.InstructionSets.random;
import static io.jdit.kernels.InstructionSets.seeded;
import static io.jdit.testing.TensorAssert.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
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
import org.junit.jupiter.params.provider.MethodSource;

/** Each kernel against its formula in double precision and against its eager twin. */
@ExtendWith({InstructionSets.class, NoLeaks.class})
final class KernelsTest {
  private static final String ISAS = "io.jdit.kernels.InstructionSets#withDtypes";
  private static final long[] DIMS = {1, 7, 24, 48, 3072};
  private static final long[] HEAD_DIMS = {16, 32, 40, 64, 128};
  private static final double EPS = 1e-6;

  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void normalizesAndModulates(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(11);
    for (long dim : DIMS) {
      int batch = 2;
      int tokens = 3;
      Tensor x = random(random, dtype, batch, tokens, dim);
      // Chunks 1 and 4 of a projection's six: row stride 6 dim.
      Tensor chunks = random(random, dtype, batch, 6 * dim);
      Tensor scale = chunks.narrow(1, dim, dim);
      Tensor shift = chunks.narrow(1, 4 * dim, dim);
      Tensor out = Kernels.layerNormModulate(x, scale, shift, EPS);

      double[] in = x.toDoubles();
      double[] factors = scale.toDoubles();
      double[] offsets = shift.toDoubles();
      double[] expected = new double[in.length];
      for (int r = 0; r < batch * tokens; r++) {
        double mean = 0;
        double variance = 0;
        for (int i = 0; i < dim; i++) {
          mean += in[(int) (r * dim + i)] / dim;
        }
        for (int i = 0; i < dim; i++) {
          variance += Math.pow(in[(int) (r * dim + i)] - mean, 2) / dim;
        }
        for (int i = 0; i < dim; i++) {
          int at = (int) (r * dim + i);
          int row = (int) (r / tokens * dim + i);
          expected[at] =
              (in[at] - mean) / Math.sqrt(variance + EPS) * (1 + factors[row]) + offsets[row];
        }
      }
      assertRounded(out, expected, dtype, 1.01, 5e-6);
      // The twin rounds after the norm, after 1 + scale, after the product and after the sum.
      assertThat(out)
          .isCloseTo(
              EagerKernels.layerNormModulate(x, scale, shift, EPS), 4 * halfUlp(dtype) + 1e-6);
    }
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void normalizesAndRotatesHeadsOfASliceIntoAJoinedSequence(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(12);
    for (long dim : HEAD_DIMS) {
      int batch = 2;
      int tokens = 5;
      int heads = 3;
      int offset = 2;
      int total = 9;
      // The middle third of a fused projection [B, N, 3 H Dh].
      Tensor qkv = random(random, dtype, batch, tokens, 3 * heads * dim);
      Tensor x = qkv.narrow(2, heads * dim, heads * dim).view(batch, tokens, heads, dim);
      Tensor weight = random(random, dtype, dim);
      Tensor[] tables = rotation(random, total, dim);
      Tensor out = Tensor.full(7, dtype, Device.CPU, batch, total, heads, dim);
      Kernels.rmsNormRopeInto(x, weight, EPS, tables[0], tables[1], out, offset);

      Tensor written = out.narrow(1, offset, tokens);
      double[] expected = rotated(x, weight, tables, offset, dtype);
      // The roundings to dtype within the formula leave no room for float32 deviations, except next
      // to a tie, of which these inputs have none.
      assertRounded(written, expected, dtype, 1.01, 4e-6);
      Tensor twin =
          EagerKernels.rmsNormRope(
              x,
              weight,
              EPS,
              tables[0].narrow(0, offset, tokens),
              tables[1].narrow(0, offset, tokens));
      assertThat(written).isCloseTo(twin, dtype == DType.FLOAT32 ? 5e-7 : 2 * halfUlp(dtype));
      Tensor untouched =
          Tensor.full(7, dtype, Device.CPU, batch, total - offset - tokens, heads, dim);
      assertThat(out.narrow(1, 0, offset)).isCloseTo(untouched, 0);
      assertThat(out.narrow(1, offset + tokens, total - offset - tokens)).isCloseTo(untouched, 0);
    }
  }

  private static Tensor[] rotation(Random random, int rows, long dim) {
    float[] cos = new float[(int) (rows * dim)];
    float[] sin = new float[cos.length];
    for (int i = 0; i < cos.length; i += 2) {
      double angle = random.nextDouble() * 2 * Math.PI;
      cos[i] = cos[i + 1] = (float) Math.cos(angle);
      sin[i] = sin[i + 1] = (float) Math.sin(angle);
    }
    return new Tensor[] {Tensor.of(cos, rows, dim), Tensor.of(sin, rows, dim)};
  }

  /** The formula in double, with the two roundings to dtype that the reference has. */
  private static double[] rotated(
      Tensor x, Tensor weight, Tensor[] tables, int offset, DType dtype) {
    double[] in = x.toDoubles();
    double[] w = weight.toDoubles();
    double[] cos = tables[0].toDoubles();
    double[] sin = tables[1].toDoubles();
    int tokens = (int) x.size(1);
    int heads = (int) x.size(2);
    int dim = (int) x.size(3);
    double[] out = new double[in.length];
    double[] n = new double[dim];
    for (int row = 0; row < in.length / dim; row++) {
      double squares = 0;
      for (int i = 0; i < dim; i++) {
        squares += in[row * dim + i] * in[row * dim + i];
      }
      double inverse = 1 / Math.sqrt(squares / dim + EPS);
      for (int i = 0; i < dim; i++) {
        double rounded = InstructionSets.rounded(in[row * dim + i] * inverse, dtype);
        n[i] = InstructionSets.rounded(rounded * w[i], dtype);
      }
      int at = (offset + row / heads % tokens) * dim;
      for (int i = 0; i < dim; i += 2) {
        out[row * dim + i] = n[i] * cos[at + i] - n[i + 1] * sin[at + i];
        out[row * dim + i + 1] = n[i + 1] * cos[at + i + 1] + n[i] * sin[at + i + 1];
      }
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void normsAlone_rotatesAlone_copies(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(13);
    for (long dim : new long[] {2, 10, 24, 40}) {
      Tensor x = random(random, dtype, 1, 4, 2, dim);
      Tensor weight = random(random, dtype, dim);
      Tensor[] tables = rotation(random, 4, dim);
      double bound = dtype == DType.FLOAT32 ? 5e-7 : 2 * halfUlp(dtype);
      assertThat(Kernels.rmsNormRope(x, weight, EPS, null, null))
          .isCloseTo(EagerKernels.rmsNormRope(x, weight, EPS, null, null), bound);
      // Each product and the sum are rounded to float32 as the twin's are: equal bits.
      assertThat(Kernels.rmsNormRope(x, null, EPS, tables[0], tables[1]))
          .isCloseTo(EagerKernels.rmsNormRope(x, null, EPS, tables[0], tables[1]), 0);
      assertThat(Kernels.rmsNormRope(x, null, EPS, null, null)).isCloseTo(x, 0);
    }
    Tensor odd = random(random, dtype, 1, 3, 2, 7);
    assertThat(Kernels.rmsNormRope(odd, null, EPS, null, null)).isCloseTo(odd, 0);
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void addsGatedResiduals(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(14);
    for (long dim : DIMS) {
      int batch = 2;
      int tokens = 3;
      Tensor x = random(random, dtype, batch, tokens, dim);
      Tensor y = random(random, dtype, batch, tokens, dim);
      Tensor gate = random(random, dtype, batch, 3 * dim).narrow(1, dim, dim);
      double[] a = x.toDoubles();
      double[] b = y.toDoubles();
      double[] g = gate.toDoubles();
      double[] expected = new double[a.length];
      for (int i = 0; i < a.length; i++) {
        expected[i] = a[i] + g[(int) (i / (tokens * dim) * dim + i % dim)] * b[i];
      }
      assertRounded(Kernels.gatedResidual(x, gate, y), expected, dtype, 1.01, 1e-6);
      assertThat(Kernels.gatedResidual(x, gate, y))
          .isCloseTo(EagerKernels.gatedResidual(x, gate, y), 2 * halfUlp(dtype));
    }
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void appliesGelu(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(15);
    for (long dim : DIMS) {
      Tensor x = Tensor.of(spread(random, (int) (6 * dim)), 2, 3, dim).to(dtype);
      double[] in = x.toDoubles();
      double[] expected = new double[in.length];
      for (int i = 0; i < in.length; i++) {
        double u = Math.sqrt(2 / Math.PI) * (in[i] + 0.044715 * Math.pow(in[i], 3));
        expected[i] = 0.5 * in[i] * (1 + Math.tanh(u));
      }
      assertRounded(Kernels.geluTanh(x), expected, dtype, 1.01, 1e-6);
      // LibTorch's own values lose bits to 1 + tanh for negative x: an absolute comparison.
      assertThat(Kernels.geluTanh(x))
          .isCloseTo(EagerKernels.geluTanh(x), 2 * halfUlp(dtype) + 1e-6);

      Tensor wide = Tensor.full(5, dtype, Device.CPU, 2, 3, dim + 4);
      Kernels.geluTanhInto(x, wide.narrow(2, 4, dim));
      assertRounded(wide.narrow(2, 4, dim), expected, dtype, 1.01, 1e-6);
      assertThat(wide.narrow(2, 0, 4)).isCloseTo(Tensor.full(5, dtype, Device.CPU, 2, 3, 4), 0);
      Kernels.geluTanhInto(x, x);
      assertRounded(x, expected, dtype, 1.01, 1e-6);
    }
  }

  private static float[] spread(Random random, int n) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (float) (random.nextGaussian() * 4);
    }
    return values;
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void geluOfExtremes(String isa, DType dtype) {
    InstructionSets.use(isa);
    float infinity = Float.POSITIVE_INFINITY;
    Tensor x =
        Tensor.of(new float[] {0, -0f, 300, -300, infinity, Float.NaN, 6e4f, -6e4f}).to(dtype);
    double[] y = Kernels.geluTanh(x).toDoubles();
    double[] in = x.toDoubles();
    org.assertj.core.api.Assertions.assertThat(y)
        .containsExactly(0.0, -0.0, in[2], -0.0, infinity, Double.NaN, in[6], -0.0);
  }

  private static double silu(double x) {
    return x / (1 + Math.exp(-x));
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void siluMul(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(18);
    for (long dim : DIMS) {
      Tensor both = Tensor.of(spread(random, (int) (12 * dim)), 2, 3, 2 * dim).to(dtype);
      Tensor[] halves = both.chunk(2, -1);
      double[] gate = halves[0].toDoubles();
      double[] up = halves[1].toDoubles();
      double[] expected = new double[gate.length];
      for (int i = 0; i < gate.length; i++) {
        expected[i] = silu(gate[i]) * up[i];
      }
      // In float32 exponential, sum and quotient round as much as the result.
      double roundings = dtype == DType.FLOAT32 ? 4.01 : 2.01;
      assertRounded(Kernels.siluMul(halves[0], halves[1]), expected, dtype, roundings, 1e-6);
      assertRounded(EagerKernels.siluMul(halves[0], halves[1]), expected, dtype, roundings, 1e-6);
    }
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void siluMulOfExtremes(String isa, DType dtype) {
    InstructionSets.use(isa);
    Tensor x = Tensor.of(new float[] {0, -0f, 300, -300, Float.NaN, 1e-3f}).to(dtype);
    Tensor one = Tensor.full(1, dtype, Device.CPU, 6);
    double[] y = Kernels.siluMul(x, one).toDoubles();
    org.assertj.core.api.Assertions.assertThat(y)
        .containsExactly(EagerKernels.siluMul(x, one).toDoubles());
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void channelNorm(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(19);
    int[][] shapes = {{1, 1, 1}, {2, 5, 7}, {1, 96, 64}, {2, 384, 150}, {1, 3, 1100}};
    for (int[] s : shapes) {
      Tensor x = Tensor.of(spread(random, s[0] * s[1] * s[2]), s[0], s[1], s[2]).to(dtype);
      Tensor weight = random(random, dtype, s[1]);
      double[] in = x.toDoubles();
      double[] w = weight.toDoubles();
      double[] squares = new double[s[0] * s[2]];
      for (int i = 0; i < in.length; i++) {
        squares[i / (s[1] * s[2]) * s[2] + i % s[2]] += in[i] * in[i];
      }
      for (boolean gated : new boolean[] {false, true}) {
        double[] expected = new double[in.length];
        for (int i = 0; i < in.length; i++) {
          double norm = Math.sqrt(squares[i / (s[1] * s[2]) * s[2] + i % s[2]]);
          double y = in[i] / norm * w[i / s[2] % s[1]];
          expected[i] = gated ? silu(y) : y;
        }
        Tensor found = Kernels.channelNorm(x, weight, 1e-12, gated);
        assertRounded(found, expected, dtype, 4.01, 2e-6);
        assertThat(found)
            .isCloseTo(
                EagerKernels.channelNorm(x, weight, 1e-12, gated), 2 * halfUlp(dtype) + 1e-6);
      }
    }
    Tensor zeros = Tensor.zeros(dtype, Device.CPU, 1, 3, 4);
    Tensor ones = Tensor.full(1, dtype, Device.CPU, 3);
    assertThat(Kernels.channelNorm(zeros, ones, 1e-12, true)).isCloseTo(zeros, 0);
  }

  @Test
  void memoryIsPlannedByWhatTheKernelsMake() {
    Tensor x = Tensor.empty(DType.BFLOAT16, Device.META, 1, 6, 4, 4);
    Tensor weight = Tensor.empty(DType.BFLOAT16, Device.META, 6);
    for (Tensor made : List.of(Kernels.siluMul(x, x), Kernels.channelNorm(x, weight, EPS, true))) {
      org.assertj.core.api.Assertions.assertThat(made.device()).isEqualTo(Device.META);
      org.assertj.core.api.Assertions.assertThat(made.shape()).containsExactly(1, 6, 4, 4);
    }
  }

  @Test
  void readsViewsThatNoKernelCanRead() {
    Random random = seeded(16);
    Tensor x = random(random, DType.FLOAT32, 6, 5, 2).permute(2, 1, 0); // [2, 5, 6]
    Tensor row = random(random, DType.FLOAT32, 6, 2).transpose(0, 1); // [2, 6], stride 2
    assertThat(Kernels.layerNormModulate(x, row, row, EPS))
        .isCloseTo(EagerKernels.layerNormModulate(x, row, row, EPS), 1e-6);
    assertThat(Kernels.gatedResidual(x, row, x))
        .isCloseTo(EagerKernels.gatedResidual(x, row, x), 1e-6);
    assertThat(Kernels.geluTanh(x)).isCloseTo(EagerKernels.geluTanh(x), 1e-6);
    assertThat(Kernels.siluMul(x, x)).isCloseTo(EagerKernels.siluMul(x, x), 1e-6);
    Tensor gamma = random(random, DType.FLOAT32, 5);
    assertThat(Kernels.channelNorm(x, gamma, EPS, true))
        .isCloseTo(EagerKernels.channelNorm(x, gamma, EPS, true), 1e-6);
    Tensor heads = random(random, DType.FLOAT32, 1, 2, 5, 8).transpose(1, 2); // [1, 5, 2, 8]
    assertThat(Kernels.rmsNormRope(heads, null, EPS, null, null)).isCloseTo(heads, 0);
  }

  @Test
  void runsInDoubleWithoutKernels() {
    Random random = seeded(17);
    Tensor x = random(random, DType.FLOAT64, 1, 3, 8);
    Tensor row = random(random, DType.FLOAT64, 1, 8);
    assertThat(Kernels.gatedResidual(x, row, x))
        .isCloseTo(EagerKernels.gatedResidual(x, row, x), 0);
  }

  @Test
  void takesEmptyTensors() {
    Tensor x = empty(DType.FLOAT32, 2, 0, 8);
    Tensor row = Tensor.zeros(DType.FLOAT32, Device.CPU, 2, 8);
    org.assertj.core.api.Assertions.assertThat(Kernels.layerNormModulate(x, row, row, EPS).shape())
        .containsExactly(2, 0, 8);
    org.assertj.core.api.Assertions.assertThat(Kernels.geluTanh(x).shape())
        .containsExactly(2, 0, 8);
  }

  @Test
  void refusesWrongArgumentsByName() {
    Tensor x = empty(DType.FLOAT32, 2, 3, 8);
    Tensor row = empty(DType.FLOAT32, 2, 8);
    Tensor short_ = empty(DType.FLOAT32, 2, 7);
    Tensor half = empty(DType.FLOAT16, 2, 8);
    assertThatThrownBy(() -> Kernels.layerNormModulate(x, short_, row, EPS))
        .hasMessage("layerNormModulate scale: expected shape [2, 8], found [2, 7]");
    assertThatThrownBy(() -> Kernels.gatedResidual(x, half, x))
        .hasMessage("gatedResidual gate: expected float32 on cpu, found float16 on cpu");
    assertThatThrownBy(() -> Kernels.siluMul(x, empty(DType.FLOAT32, 2, 3, 9)))
        .hasMessage("siluMul up: expected shape [2, 3, 8], found [2, 3, 9]");
    assertThatThrownBy(() -> Kernels.channelNorm(x, empty(DType.FLOAT32, 8), EPS, true))
        .hasMessage("channelNorm weight: expected shape [3], found [8]");
    assertThatThrownBy(() -> Kernels.geluTanhInto(x, empty(DType.FLOAT32, 2, 3, 9)))
        .hasMessage("geluTanh out: expected shape [2, 3, 8], found [2, 3, 9]");
    Tensor odd = empty(DType.FLOAT32, 1, 4, 2, 7);
    Tensor table = empty(DType.FLOAT32, 4, 7);
    assertThatThrownBy(() -> Kernels.rmsNormRope(odd, null, EPS, table, table))
        .hasMessage("rmsNormRope x: rotation needs an even head dimension, found 7");
    assertThatThrownBy(() -> Kernels.rmsNormRope(odd, null, EPS, table, null))
        .hasMessage("rmsNormRope: cos and sin must be given together");
    assertThatThrownBy(
            () ->
                Kernels.rmsNormRopeInto(
                    odd, null, EPS, null, null, empty(DType.FLOAT32, 1, 5, 2, 7), 2))
        .hasMessageContaining("room for tokens 2 .. 6");
  }
}
