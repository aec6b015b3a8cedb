package io.jdit.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jdit.testing.JavaProcess;
import io.jdit.testing.NoLeaks;
import io.jdit.testing.TensorAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The same operators as on a GPU, computed by the CPU. */
@ExtendWith(NoLeaks.class)
class CodeProductTest {
  private static final int ROWS = 5;
  private static final int IN = 4096;
  private static final int OUT = 32;

  @Test
  void sumsOfInt8AreExact() {
    try (TensorScope scope = TensorScope.open();
        Generator g = new Generator(1)) {
      Tensor a = codes(g, ROWS);
      Tensor b = codes(g, OUT);
      double[] x = a.toDoubles();
      double[] w = b.toDoubles();
      Tensor exact = CodeProduct.int8(a, b);
      assumeTrue(exact != null, "this processor has no VNNI");
      double[] sums = exact.to(DType.FLOAT64).toDoubles();
      for (int m = 0; m < ROWS; m++) {
        for (int n = 0; n < OUT; n++) {
          double sum = 0;
          for (int k = 0; k < IN; k++) {
            sum += x[m * IN + k] * w[n * IN + k];
          }
          assertThat(sums[m * OUT + n]).isEqualTo(sum);
        }
      }
    }
  }

  /** Where oneDNN has AVX2 only, its sums are not exact: none is better. */
  @Test
  void noSumsThatSaturate() throws Exception {
    ProcessBuilder command =
        new ProcessBuilder(JavaProcess.command(LargestCodes.class)).inheritIO();
    command.environment().put("ONEDNN_MAX_CPU_ISA", "AVX2");
    assertThat(command.start().waitFor()).isZero();
  }

  /** Ends with 1 where a product of int8 is not exact. */
  static final class LargestCodes {
    private LargestCodes() {}

    public static void main(String[] args) {
      Torch.load();
      try (TensorScope scope = TensorScope.open()) {
        Tensor codes = Tensor.full(127, DType.INT8, Device.CPU, ROWS, IN);
        Tensor sums = CodeProduct.int8(codes, codes);
        double sum = sums == null ? 0 : sums.select(0, 0).select(0, 0).item();
        System.exit(sums == null || sum == 127 * 127 * IN ? 0 : 1);
      }
    }
  }

  /** All far from zero: their sums do not fit into a float32. */
  private static Tensor codes(Generator g, int rows) {
    return g.randn(DType.FLOAT32, rows, IN).abs().mul(-9).add(127).clamp(-128, 127).to(DType.INT8);
  }

  @Test
  void float8WithOneScaleForEachSide() {
    try (TensorScope scope = TensorScope.open();
        Generator g = new Generator(2)) {
      Tensor a = g.randn(DType.FLOAT32, ROWS, IN).to(DType.FLOAT8_E4M3);
      Tensor b = g.randn(DType.FLOAT32, OUT, IN).to(DType.FLOAT8_E4M3);
      Tensor bias = g.randn(DType.FLOAT32, OUT).to(DType.BFLOAT16);
      Tensor scaleA = Tensor.full(0.5, DType.FLOAT32, Device.CPU).view(1, 1);
      Tensor scaleB = Tensor.full(0.25, DType.FLOAT32, Device.CPU).view(1, 1);
      Tensor expected =
          Functional.linear(a.to(DType.FLOAT32), b.to(DType.FLOAT32), null)
              .mul(0.125)
              .add(bias.to(DType.FLOAT32));
      Tensor found = CodeProduct.float8(a, b, scaleA, scaleB, bias, DType.BFLOAT16);
      assertThat(found.dtype()).isEqualTo(DType.BFLOAT16);
      TensorAssert.assertThat(found.to(DType.FLOAT32)).isCloseTo(expected, 0x1p-8);
    }
  }

  @Test
  void theCpuHasNoneWithScalesOfRows() {
    try (TensorScope scope = TensorScope.open()) {
      Tensor a = Tensor.zeros(DType.FLOAT8_E4M3, Device.CPU, ROWS, IN);
      Tensor b = Tensor.zeros(DType.FLOAT8_E4M3, Device.CPU, OUT, IN);
      assertThat(CodeProduct.float8(a, b, ones(ROWS), ones(OUT), null, DType.BFLOAT16)).isNull();
    }
  }

  private static Tensor ones(int rows) {
    return Tensor.zeros(DType.FLOAT32, Device.CPU, rows, 1).add(1);
  }

  /** Arguments are passed by position, also where only a GPU takes them. */
  @Test
  void declarationsAreThoseThatTheCallsWereWrittenFor() {
    assertThat(FusedSdpaTest.arguments(CodeProduct.Ops.INT8))
        .containsExactly("Tensor self", "Tensor mat2");
    assertThat(FusedSdpaTest.arguments(CodeProduct.Ops.FLOAT8))
        .containsExactly(
            "Tensor self",
            "Tensor mat2",
            "Tensor scale_a",
            "Tensor scale_b",
            "Tensor? bias",
            "Tensor? scale_result",
            "int? out_dtype",
            "bool use_fast_accum");
  }
}
