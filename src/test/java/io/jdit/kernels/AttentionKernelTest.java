package io.jdit.kernels;

import static io.jdit.kernels.InstructionSets.halfUlp;
import static io.jdit.kernels.InstructionSets.random;
import static io.jdit.kernels.InstructionSets.seeded;
import static io.jdit.testing.TensorAssert.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.testing.NoLeaks;
import java.util.Random;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

@ExtendWith({InstructionSets.class, NoLeaks.class})
final class AttentionKernelTest {
  private static final String ISAS = "io.jdit.kernels.InstructionSets#withDtypes";

  private TensorScope scope;

  @BeforeEach
  void open() {
    scope = TensorScope.open();
  }

  @AfterEach
  void close() {
    scope.close();
  }

  /** B, H, Nq, Nk, Dh. */
  private static final int[][] SHAPES = {
    {1, 1, 1, 1, 1},
    {2, 3, 5, 5, 7},
    {1, 2, 24, 24, 16},
    {1, 2, 129, 129, 32},
    {1, 2, 24, 129, 40},
    {1, 1, 129, 24, 64},
    {1, 2, 129, 1000, 128},
    {1, 1, 1000, 129, 64},
    {1, 1, 5, 70, 300},
  };

  @ParameterizedTest
  @MethodSource(ISAS)
  void matchesTheDefinition(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(21);
    for (int[] s : SHAPES) {
      for (boolean causal : new boolean[] {false, true}) {
        Tensor q = random(random, dtype, s[0], s[2], s[1], s[4]);
        Tensor k = random(random, dtype, s[0], s[3], s[1], s[4]);
        Tensor v = random(random, dtype, s[0], s[3], s[1], s[4]);
        double scale = 1 / Math.sqrt(s[4]);
        var found = AttentionKernels.attentionWithLse(q, k, v, scale, causal);
        Tensor[] expected = definition(q, k, v, scale, causal);
        // bfloat16 probabilities are rounded as well as the output.
        double bound = dtype == DType.FLOAT32 ? 3e-6 : 2 * halfUlp(dtype);
        assertThat(found.out()).isCloseTo(expected[0], bound);
        assertThat(found.logSumExp()).isCloseTo(expected[1], 2e-6);
        assertThat(AttentionKernels.attention(q, k, v, scale, causal)).isCloseTo(found.out(), 0);
      }
    }
  }

  /** Output [B, Nq, H, Dh] and log-sum-exp [B, H, Nq] in double. */
  private static Tensor[] definition(Tensor q, Tensor k, Tensor v, double scale, boolean causal) {
    int batch = (int) q.size(0);
    int queries = (int) q.size(1);
    int heads = (int) q.size(2);
    int dim = (int) q.size(3);
    int keys = (int) k.size(1);
    double[] qs = q.toDoubles();
    double[] ks = k.toDoubles();
    double[] vs = v.toDoubles();
    double[] out = new double[qs.length];
    double[] lse = new double[batch * heads * queries];
    double[] p = new double[keys];
    for (int b = 0; b < batch; b++) {
      for (int h = 0; h < heads; h++) {
        for (int i = 0; i < queries; i++) {
          int row = ((b * queries + i) * heads + h) * dim;
          int seen = causal ? Math.min(keys, i + 1) : keys;
          double max = Double.NEGATIVE_INFINITY;
          for (int j = 0; j < seen; j++) {
            p[j] = 0;
            for (int d = 0; d < dim; d++) {
              p[j] += scale * qs[row + d] * ks[((b * keys + j) * heads + h) * dim + d];
            }
            max = Math.max(max, p[j]);
          }
          double total = 0;
          for (int j = 0; j < seen; j++) {
            p[j] = Math.exp(p[j] - max);
            total += p[j];
          }
          for (int j = 0; j < seen; j++) {
            for (int d = 0; d < dim; d++) {
              out[row + d] += p[j] / total * vs[((b * keys + j) * heads + h) * dim + d];
            }
          }
          lse[(b * heads + h) * queries + i] = max + Math.log(total);
        }
      }
    }
    return new Tensor[] {
      Tensor.of(out, batch, queries, heads, dim), Tensor.of(lse, batch, heads, queries)
    };
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void agreesWithLibTorchOnSlicesOfAFusedProjection(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(22);
    int heads = 3;
    int dim = 64;
    Tensor qkv = random(random, dtype, 2, 77, 3 * heads * dim);
    Tensor[] parts = new Tensor[3];
    for (int i = 0; i < 3; i++) {
      parts[i] = qkv.narrow(2, (long) i * heads * dim, heads * dim).view(2, 77, heads, dim);
    }
    assertThat(AttentionKernels.attention(parts[0], parts[1], parts[2], 0.125, false))
        .isCloseTo(
            EagerKernels.attention(parts[0], parts[1], parts[2], 0.125, false),
            dtype == DType.FLOAT32 ? 3e-6 : 3 * halfUlp(dtype));
    // The layout [B, H, N, Dh] seen as [B, N, H, Dh].
    Tensor t = random(random, dtype, 2, heads, 50, dim).transpose(1, 2);
    assertThat(AttentionKernels.attention(t, t, t, 0.125, true))
        .isCloseTo(
            EagerKernels.attention(t, t, t, 0.125, true),
            dtype == DType.FLOAT32 ? 3e-6 : 3 * halfUlp(dtype));
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void survivesLargeAndNegativeScores(String isa, DType dtype) {
    InstructionSets.use(isa);
    Random random = seeded(23);
    Tensor q = random(random, dtype, 1, 40, 1, 32).mul(20);
    Tensor k = random(random, dtype, 1, 300, 1, 32).mul(20);
    Tensor v = random(random, dtype, 1, 300, 1, 32);
    for (double scale : new double[] {1, -1}) {
      Tensor[] expected = definition(q, k, v, scale, false);
      // Scores of some 1e4 have 1e-3 of float32 rounding, and so do the probabilities.
      assertThat(AttentionKernels.attention(q, k, v, scale, false)).isCloseTo(expected[0], 1e-2);
    }
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void passesNanOn(String isa, DType dtype) {
    InstructionSets.use(isa);
    Tensor q = Tensor.zeros(dtype, Device.CPU, 1, 3, 1, 16);
    Tensor k = Tensor.zeros(dtype, Device.CPU, 1, 20, 1, 16);
    q.narrow(1, 1, 1).fill_(Double.NaN);
    double[] out = AttentionKernels.attention(q, k, k, 1, false).toDoubles();
    org.assertj.core.api.Assertions.assertThat(out[0]).isZero();
    org.assertj.core.api.Assertions.assertThat(out[16]).isNaN();
    org.assertj.core.api.Assertions.assertThat(out[32]).isZero();
  }

  /** SageAttention's formula in double: codes of q and of k less its mean, then the definition. */
  @ParameterizedTest
  @MethodSource(ISAS)
  void int8MatchesItsFormula(String isa, DType dtype) {
    InstructionSets.use(isa);
    assumeTrue(AttentionKernels.hasInt8(dtype, Device.CPU), isa + " has no int8 kernels");
    Random random = seeded(25);
    for (int[] s : SHAPES) {
      for (double scale : new double[] {1 / Math.sqrt(s[4]), -0.1}) {
        Tensor q = random(random, dtype, s[0], s[2], s[1], s[4]);
        Tensor k = random(random, dtype, s[0], s[3], s[1], s[4]);
        Tensor v = random(random, dtype, s[0], s[3], s[1], s[4]);
        Tensor mean = k.to(DType.FLOAT64).mean(1, true);
        Tensor[] expected =
            definition(
                int8(q.to(DType.FLOAT64)), int8(k.to(DType.FLOAT64).sub(mean)), v, scale, false);
        Tensor shift =
            q.to(DType.FLOAT64).transpose(1, 2).matmul(mean.transpose(1, 2).transpose(2, 3));
        Tensor lse = expected[1].add(shift.squeeze(3).mul(scale));
        var found = AttentionKernels.int8AttentionWithLse(q, k, v, scale);
        // A number between two codes may become either, which is up to a step of 127 in one
        // product.
        double flipped = 5e-3;
        assertThat(found.out()).isCloseTo(expected[0], flipped + 2 * halfUlp(dtype));
        assertThat(found.logSumExp()).isCloseTo(lse, flipped);
        assertThat(AttentionKernels.int8Attention(q, k, v, scale)).isCloseTo(found.out(), 0);
        var twin = EagerKernels.int8AttentionWithLse(q, k, v, scale);
        assertThat(twin.out()).isCloseTo(expected[0], flipped + 2 * halfUlp(dtype));
        assertThat(twin.logSumExp()).isCloseTo(lse, flipped);
      }
    }
  }

  /** [B, N, H, Dh] in float64: each row rounded to 255 steps. */
  private static Tensor int8(Tensor x) {
    Tensor largest = Tensor.wrap(torch.amax(x.abs().handle(), new long[] {3}, true));
    Tensor step = largest.clamp(1e-30, Double.POSITIVE_INFINITY).div(127);
    return x.div(step).round().mul(step);
  }

  /** Channels that all keys have in common cost no precision, which is what the mean is for. */
  @ParameterizedTest
  @MethodSource(ISAS)
  void int8StaysNearTheExactResultWhereKeysHaveAnOffset(String isa, DType dtype) {
    InstructionSets.use(isa);
    assumeTrue(AttentionKernels.hasInt8(dtype, Device.CPU), isa + " has no int8 kernels");
    Random random = seeded(26);
    Tensor q = random(random, dtype, 1, 200, 2, 64);
    Tensor k = random(random, dtype, 1, 700, 2, 64);
    Tensor offset = k.narrow(3, 5, 3);
    offset.copy_(offset.add(30));
    Tensor v = random(random, dtype, 1, 700, 2, 64);
    double[] exact = AttentionKernels.attention(q, k, v, 0.125, false).toDoubles();
    double[] found = AttentionKernels.int8Attention(q, k, v, 0.125).toDoubles();
    double error = 0;
    double power = 0;
    for (int i = 0; i < exact.length; i++) {
      error += (found[i] - exact[i]) * (found[i] - exact[i]);
      power += exact[i] * exact[i];
    }
    // 35 dB; without the mean it is 12.
    org.assertj.core.api.Assertions.assertThat(10 * Math.log10(power / error)).isGreaterThan(35);
  }

  @ParameterizedTest
  @MethodSource(ISAS)
  void int8PassesNanOn(String isa, DType dtype) {
    InstructionSets.use(isa);
    assumeTrue(AttentionKernels.hasInt8(dtype, Device.CPU), isa + " has no int8 kernels");
    Tensor q = Tensor.zeros(dtype, Device.CPU, 1, 3, 1, 16);
    Tensor k = Tensor.zeros(dtype, Device.CPU, 1, 20, 1, 16);
    q.narrow(1, 1, 1).fill_(Double.NaN);
    double[] out = AttentionKernels.int8Attention(q, k, k, 1).toDoubles();
    org.assertj.core.api.Assertions.assertThat(out[0]).isZero();
    org.assertj.core.api.Assertions.assertThat(out[16]).isNaN();
    org.assertj.core.api.Assertions.assertThat(out[32]).isZero();
  }

  /** LibTorch's fused operator, called by name, against the definition. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16", "FLOAT16"})
  void logSumExpOfTheTwinAgrees(DType dtype) {
    Random random = seeded(24);
    for (boolean causal : new boolean[] {false, true}) {
      Tensor q = random(random, dtype, 2, 9, 3, 8);
      Tensor k = random(random, dtype, 2, 11, 3, 8);
      Tensor v = random(random, dtype, 2, 11, 3, 8);
      Tensor[] expected = definition(q, k, v, 0.3, causal);
      var found = EagerKernels.attentionWithLse(q, k, v, 0.3, causal);
      assertThat(found.out())
          .isCloseTo(expected[0], dtype == DType.FLOAT32 ? 3e-6 : 2 * halfUlp(dtype));
      assertThat(found.logSumExp()).isCloseTo(expected[1], 2e-6);
      org.assertj.core.api.Assertions.assertThat(found.out().isContiguous()).isTrue();
      org.assertj.core.api.Assertions.assertThat(found.logSumExp().isContiguous()).isTrue();
      org.assertj.core.api.Assertions.assertThat(found.logSumExp().dtype())
          .isEqualTo(DType.FLOAT32);
      assertThat(AttentionKernels.attentionWithLse(q, k, v, 0.3, causal).logSumExp())
          .isCloseTo(found.logSumExp(), 2e-6);
    }
  }

  @Test
  void refusesWrongArgumentsByName() {
    Tensor q = InstructionSets.empty(DType.FLOAT32, 1, 9, 2, 8);
    assertThatThrownBy(
            () ->
                AttentionKernels.attention(
                    q, InstructionSets.empty(DType.FLOAT32, 1, 9, 3, 8), q, 1, false))
        .hasMessage("attention k: expected shape [1, -1, 2, 8], found [1, 9, 3, 8]");
    assertThatThrownBy(
            () ->
                AttentionKernels.attention(
                    q, q, InstructionSets.empty(DType.FLOAT32, 1, 8, 2, 8), 1, false))
        .hasMessage("attention v: expected shape [1, 9, 2, 8], found [1, 8, 2, 8]");
  }
}
