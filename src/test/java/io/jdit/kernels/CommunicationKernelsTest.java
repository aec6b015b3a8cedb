package io.jdit.kernels;

import static io.jdit.kernels.InstructionSets.random;
import static io.jdit.kernels.InstructionSets.seeded;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.jdit.checkpoint.SafeTensorsFile;
import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.Fixture;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.TensorAssert;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@ExtendWith({InstructionSets.class, NoLeaks.class})
final class CommunicationKernelsTest {
  private static final String ISAS = "io.jdit.kernels.InstructionSets#withDtypes";
  private static final long[] DIMS = {1, 7, 16, 40, 64, 128};

  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  private static Tensor pack(Tensor x, Float8Format format) {
    long[] shape = x.shape();
    shape[shape.length - 1] = format.bytes(x.size(-1));
    Tensor packed = InstructionSets.empty(DType.UINT8, shape);
    CommunicationKernels.packFloat8(x, format, packed);
    return packed;
  }

  private static Tensor unpack(Tensor packed, Float8Format format, DType dtype, long dim) {
    long[] shape = packed.shape();
    shape[shape.length - 1] = dim;
    Tensor x = InstructionSets.empty(dtype, shape);
    CommunicationKernels.unpackFloat8(packed, format, x);
    return x;
  }

  /** Normal rows, zeros, rows below the floor of the scale, and rows near the largest number. */
  private static Tensor rows(Random random, DType dtype, long dim) {
    Tensor x = random(random, dtype, 3, 5, 2, dim);
    double huge = dtype == DType.FLOAT16 ? 6e4 : 3e38;
    x.select(0, 0).select(0, 1).fill_(0);
    x.select(0, 1).copy_(x.select(0, 1).mul(1e-5));
    x.select(0, 2).select(0, 0).fill_(huge);
    x.select(0, 2).select(0, 1).fill_(-huge);
    x.select(0, 2).select(0, 2).copy_(x.select(0, 2).select(0, 2).mul(1000));
    return x;
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void packsTheBytesOfTheTwinAndReadsThem(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(31);
    for (long dim : DIMS) {
      Tensor x = rows(random, dtype, dim);
      for (Float8Format format : Float8Format.values()) {
        Tensor packed = pack(x, format);
        assertThat(packed.toBytes())
            .as("%s, D %d", format, dim)
            .isEqualTo(EagerKernels.packFloat8(x, format).toBytes());
        Tensor found = unpack(packed, format, dtype, dim);
        Tensor expected = EagerKernels.unpackFloat8(packed, format).to(dtype);
        assertThat(found.equalTo(expected)).as("%s, D %d", format, dim).isTrue();
      }
    }
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void packsTheBytesOfTheReference(String isa, DType dtype) {
    InstructionSets.use(isa);
    try (SafeTensorsFile f =
        SafeTensorsFile.open(Fixture.ROOT.resolve("parallel/fp8_comm.safetensors"))) {
      // The fixture's bfloat16 numbers are float32 numbers too; not all are float16 ones.
      DType wide = dtype == DType.FLOAT16 ? DType.BFLOAT16 : dtype;
      Tensor input = f.read("qv_input").to(wide).permute(2, 1, 0, 3, 4);
      assertThat(pack(input, Float8Format.INPUT).equalTo(f.read("qv_packed"))).isTrue();
      Tensor output = f.read("o_input").to(wide);
      assertThat(pack(output, Float8Format.OUTPUT).equalTo(f.read("o_packed"))).isTrue();
      assertThat(
              unpack(f.read("o_packed"), Float8Format.OUTPUT, DType.BFLOAT16, 32)
                  .equalTo(f.read("o_dequant")))
          .isTrue();
    }
  }

  /** The definition of the format: 1 sign, 4 exponent bits with bias 7, 3 mantissa bits. */
  private static double e4m3(int code) {
    int exponent = code >> 3 & 15;
    int mantissa = code & 7;
    if (exponent == 15 && mantissa == 7) {
      return Double.NaN;
    }
    double magnitude =
        exponent == 0 ? mantissa * 0x1p-9 : (8 + mantissa) * Math.pow(2, exponent - 10);
    return code < 128 ? magnitude : -magnitude;
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void readsEveryCode(String isa, DType dtype) {
    InstructionSets.use(isa);
    byte[] row = new byte[256 + 4];
    for (int i = 0; i < 256; i++) {
      row[i] = (byte) i;
    }
    ByteBuffer.wrap(row).order(ByteOrder.LITTLE_ENDIAN).putFloat(256, 0.5f);
    Tensor x = unpack(Tensor.of(row, 1, 260), Float8Format.INPUT, dtype, 256);
    double[] expected = new double[256];
    Arrays.setAll(expected, i -> e4m3(i) / 2);
    assertThat(x.toDoubles()).isEqualTo(expected);
  }

  /** With 448 in the row the scale is 1, so that every code and every tie between two is hit. */
  @ParameterizedTest
  @MethodSource(ISAS)
  void roundsToNearestEven(String isa, DType dtype) {
    InstructionSets.use(isa);
    float[] values = new float[2 * 126 + 1];
    byte[] expected = new byte[values.length];
    for (int code = 0; code < 126; code++) {
      values[2 * code] = (float) e4m3(code);
      expected[2 * code] = (byte) code;
      values[2 * code + 1] = (float) ((e4m3(code) + e4m3(code + 1)) / 2);
      expected[2 * code + 1] = (byte) (code + code % 2);
    }
    values[252] = 448;
    expected[252] = 126;
    Tensor x = Tensor.of(values, 1, values.length).to(dtype);
    assertThat(Arrays.copyOf(pack(x, Float8Format.INPUT).toBytes(), expected.length))
        .isEqualTo(expected);
    for (int i = 0; i < expected.length; i++) {
      expected[i] = (byte) (expected[i] | 0x80);
    }
    assertThat(Arrays.copyOf(pack(x.neg(), Float8Format.OUTPUT).toBytes(), expected.length))
        .isEqualTo(expected);
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void rowsWithNanOrInfinityBecomeNan(String isa, DType dtype) {
    InstructionSets.use(isa);
    double[] bad = {Double.NaN, Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY};
    for (int at : new int[] {0, 20, 39}) {
      for (double value : bad) {
        for (Float8Format format : Float8Format.values()) {
          Tensor x = random(seeded(33), dtype, 3, 40);
          x.select(0, 1).narrow(0, at, 1).fill_(value);
          double[] found = unpack(pack(x, format), format, dtype, 40).toDoubles();
          for (int i = 0; i < found.length; i++) {
            assertThat(Double.isNaN(found[i])).isEqualTo(i / 40 == 1);
          }
          Tensor twin = EagerKernels.unpackFloat8(EagerKernels.packFloat8(x, format), format);
          assertThat(Double.isNaN(twin.toDoubles()[40 + 5])).isTrue();
        }
      }
    }
  }

  /** A slice of a fused projection goes to a permuted slice of a wider buffer, and back. */
  @ParameterizedTest
  @MethodSource(ISAS)
  void takesViewsOnBothSides(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(34);
    Tensor projection = random(random, dtype, 2, 5, 3 * 4 * 24);
    Tensor x = projection.narrow(2, 4 * 24, 4 * 24).view(2, 5, 2, 2, 24).permute(2, 1, 0, 3, 4);
    Tensor buffer = Tensor.full(9, DType.UINT8, Device.CPU, 3, 5, 2, 2, 28);
    CommunicationKernels.packFloat8(x, Float8Format.INPUT, buffer.narrow(0, 1, 2));
    assertThat(
            buffer
                .narrow(0, 1, 2)
                .contiguous()
                .equalTo(EagerKernels.packFloat8(x, Float8Format.INPUT)))
        .isTrue();
    assertThat(buffer.select(0, 0).toBytes()).as("outside the view").containsOnly(9);
    Tensor back = Tensor.zeros(dtype, Device.CPU, 2, 5, 6, 24);
    CommunicationKernels.unpackFloat8(
        buffer.narrow(0, 1, 2),
        Float8Format.INPUT,
        back.narrow(2, 1, 4).view(2, 5, 2, 2, 24).permute(2, 1, 0, 3, 4));
    Tensor expected =
        EagerKernels.unpackFloat8(buffer.narrow(0, 1, 2), Float8Format.INPUT)
            .to(dtype)
            .permute(2, 1, 0, 3, 4)
            .flatten(2, 3);
    assertThat(back.narrow(2, 1, 4).contiguous().equalTo(expected.contiguous())).isTrue();
    assertThat(back.narrow(2, 0, 1).toDoubles()).containsOnly(0);
    assertThat(back.narrow(2, 5, 1).toDoubles()).containsOnly(0);
    // Elements that do not lie side by side are copied first.
    Tensor t = random(random, dtype, 6, 10).transpose(0, 1);
    assertThat(
            pack(t, Float8Format.OUTPUT)
                .equalTo(EagerKernels.packFloat8(t.contiguous(), Float8Format.OUTPUT)))
        .isTrue();
  }

  /** Enough rows for several threads. */
  @Test
  void allThreadsTakePart() {
    Tensor x = random(seeded(35), DType.BFLOAT16, 4, 97, 1, 24, 32);
    Tensor permuted = x.permute(1, 0, 3, 2, 4);
    assertThat(
            pack(permuted, Float8Format.OUTPUT)
                .equalTo(EagerKernels.packFloat8(permuted, Float8Format.OUTPUT)))
        .isTrue();
  }

  /** Dtypes that the library does not know take the twins' way. */
  @Test
  void otherDtypesAreComputedByTensorOperators() {
    Random random = seeded(37);
    Tensor x = random(random, DType.FLOAT32, 1, 3, 2, 8);
    Tensor wide = x.to(DType.FLOAT64);
    for (Float8Format format : Float8Format.values()) {
      Tensor packed = pack(wide, format);
      assertThat(packed.equalTo(pack(x, format))).isTrue();
      assertThat(unpack(packed, format, DType.FLOAT64, 8).toDoubles())
          .isEqualTo(unpack(packed, format, DType.FLOAT32, 8).toDoubles());
    }
    AttentionWithLse merged = part(DType.FLOAT32);
    CommunicationKernels.mergeAttention_(
        merged, new AttentionWithLse(wide, part(DType.FLOAT32).logSumExp()));
    TensorAssert.assertThat(merged.out()).isCloseTo(x.div(2), 1e-7);
  }

  @Test
  void refusesWrongArgumentsByName() {
    Tensor x = InstructionSets.empty(DType.FLOAT32, 2, 8);
    Tensor packed = InstructionSets.empty(DType.UINT8, 2, 10);
    assertThatThrownBy(() -> CommunicationKernels.packFloat8(x, Float8Format.INPUT, packed))
        .hasMessage("packFloat8 packed: expected shape [2, 12], found [2, 10]");
    assertThatThrownBy(() -> CommunicationKernels.packFloat8(x, Float8Format.INPUT, x))
        .hasMessageStartingWith("packFloat8 packed: expected contiguous rows of uint8 like ");
    assertThatThrownBy(
            () ->
                CommunicationKernels.unpackFloat8(
                    packed,
                    Float8Format.OUTPUT,
                    InstructionSets.empty(DType.FLOAT32, 8, 2).transpose(0, 1)))
        .hasMessageStartingWith("unpackFloat8 x: expected contiguous rows, found ");
    Tensor deep = InstructionSets.empty(DType.FLOAT32, 1, 1, 1, 1, 1, 8);
    assertThatThrownBy(() -> CommunicationKernels.packFloat8(deep, Float8Format.INPUT, packed))
        .hasMessageStartingWith("packFloat8 x: expected one to five dimensions");
    assertThatThrownBy(
            () -> CommunicationKernels.mergeAttention_(part(DType.BFLOAT16), part(DType.BFLOAT16)))
        .hasMessageStartingWith("mergeAttention out: expected float32 on cpu, found ");
  }

  private static AttentionWithLse part(DType dtype) {
    return new AttentionWithLse(
        Tensor.zeros(dtype, Device.CPU, 1, 3, 2, 8),
        Tensor.zeros(DType.FLOAT32, Device.CPU, 1, 2, 3));
  }

  /** B, N, H, Dh. */
  private static final int[][] MERGES = {
    {1, 1, 1, 1}, {2, 3, 5, 7}, {1, 4, 2, 16}, {2, 5, 3, 40}, {1, 300, 2, 64}, {1, 2, 2, 128}
  };

  @ParameterizedTest
  @MethodSource(ISAS)
  void mergeFollowsTheFormula(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(36);
    for (int[] s : MERGES) {
      Tensor out = random(random, DType.FLOAT32, s[0], s[1], s[2], s[3]);
      Tensor lse = random(random, DType.FLOAT32, s[0], s[2], s[1]).mul(20);
      Tensor part = random(random, dtype, s[0], s[1], s[2], s[3]);
      Tensor partLse = random(random, DType.FLOAT32, s[0], s[2], s[1]).mul(20);
      Tensor[] expected = definition(out, lse, part, partLse);
      AttentionWithLse twin = new AttentionWithLse(out.copy(), lse.copy());
      EagerKernels.mergeAttention_(twin, new AttentionWithLse(part, partLse));
      CommunicationKernels.mergeAttention_(
          new AttentionWithLse(out, lse), new AttentionWithLse(part, partLse));
      for (AttentionWithLse found : new AttentionWithLse[] {twin, new AttentionWithLse(out, lse)}) {
        TensorAssert.assertThat(found.out()).isCloseTo(expected[0], 1e-6);
        TensorAssert.assertThat(found.logSumExp()).isCloseTo(expected[1], 1e-6);
      }
    }
  }

  /** Weights exp(lse) of the two sides, in double. */
  private static Tensor[] definition(Tensor out, Tensor lse, Tensor part, Tensor partLse) {
    int batch = (int) out.size(0);
    int tokens = (int) out.size(1);
    int heads = (int) out.size(2);
    int dim = (int) out.size(3);
    double[] o = out.toDoubles();
    double[] p = part.toDoubles();
    double[] l = lse.toDoubles();
    double[] m = partLse.toDoubles();
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        for (int t = 0; t < tokens; t++) {
          int i = (b * heads + h) * tokens + t;
          double most = Math.max(l[i], m[i]);
          double total = Math.exp(l[i] - most) + Math.exp(m[i] - most);
          double weight = Math.exp(m[i] - most) / total;
          for (int d = 0; d < dim; d++) {
            int j = ((b * tokens + t) * heads + h) * dim + d;
            o[j] = (1 - weight) * o[j] + weight * p[j];
          }
          l[i] = most + Math.log(total);
        }
      }
    }
    return new Tensor[] {Tensor.of(o, out.shape()), Tensor.of(l, lse.shape())};
  }

  /** Rows without keys on one side, the other, both; garbage there does not get out. */
  @ParameterizedTest
  @MethodSource(ISAS)
  void infiniteLogSumExpMeansNoKeys(String isa, DType dtype) {
    InstructionSets.use(isa);
    double infinity = Double.POSITIVE_INFINITY;
    double[] mine = {1, infinity, -infinity, 2, 3, infinity, -infinity};
    double[] other = {1, 4, 5, infinity, -infinity, -infinity, infinity};
    double[] lse = {1 + Math.log(2), 4, 5, 2, 3, -infinity, -infinity};
    for (boolean eager : new boolean[] {false, true}) {
      Tensor out = Tensor.full(1, DType.FLOAT32, Device.CPU, 1, 7, 1, 20);
      Tensor part = Tensor.full(3, dtype, Device.CPU, 1, 7, 1, 20);
      out.narrow(1, 1, 2).fill_(Double.NaN);
      part.narrow(1, 3, 4).fill_(Double.NaN);
      AttentionWithLse merged =
          new AttentionWithLse(out, Tensor.of(mine, 1, 1, 7).to(DType.FLOAT32));
      AttentionWithLse added =
          new AttentionWithLse(part, Tensor.of(other, 1, 1, 7).to(DType.FLOAT32));
      if (eager) {
        EagerKernels.mergeAttention_(merged, added);
      } else {
        CommunicationKernels.mergeAttention_(merged, added);
      }
      double[] expected = {2, 3, 3, 1, 1, 1, 1};
      for (int t = 0; t < 7; t++) {
        assertThat(out.select(1, t).toDoubles()).as("row %d", t).containsOnly(expected[t]);
      }
      double[] found = merged.logSumExp().toDoubles();
      for (int t = 0; t < 7; t++) {
        assertThat(found[t]).isEqualTo((double) (float) lse[t]);
      }
    }
  }
}
