package io.jdit.kernels;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.params.provider.Arguments;

/** Runs kernel tests on every instruction set, and what they share: random input and bounds. */
public final class InstructionSets implements AfterEachCallback {
  static final List<DType> DTYPES = List.of(DType.FLOAT32, DType.BFLOAT16, DType.FLOAT16);

  /** Set where the class path has the CUDA kernels as plain C++ in place of the CPU's: the file. */
  private static final String EMULATION = System.getProperty("jdit.test.emulation");

  /** Every instruction set with every dtype; the emulation has none to choose. */
  static Stream<Arguments> withDtypes() {
    return (EMULATION != null
            ? Stream.of("auto")
            : Stream.of(
                "scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "avx512amx"))
        .flatMap(isa -> DTYPES.stream().map(dtype -> Arguments.of(isa, dtype)));
  }

  /** Makes the kernels use {@code isa}; skips the test where that is impossible. */
  public static void use(String isa) {
    if (EMULATION != null) {
      assumeTrue(
          Files.exists(Path.of(EMULATION)), "the emulation is not built: see scripts/test-native");
    }
    NativeLibraries.Status library = NativeLibraries.cpu();
    assumeTrue(library.loaded(), library.detail());
    Assertions.assertThat(library.detail().contains("built for emulation"))
        .as(library.detail())
        .isEqualTo(EMULATION != null);
    assumeTrue(CpuKernels.jdit_select_isa(isa) == 0, "this processor does not support " + isa);
  }

  /** Those of {@code isas} that this processor has. */
  static List<String> among(String... isas) {
    return Stream.of(isas).filter(isa -> CpuKernels.jdit_select_isa(isa) == 0).toList();
  }

  @Override
  public void afterEach(ExtensionContext context) {
    if (NativeLibraries.cpu().loaded()) {
      CpuKernels.jdit_select_isa("auto");
    }
  }

  /** Values of a normal distribution, rounded to {@code dtype}. */
  static Tensor random(Random random, DType dtype, long... shape) {
    float[] values = new float[(int) Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    Tensor wide = Tensor.of(values, shape);
    return dtype == DType.FLOAT32 ? wide : wide.to(dtype);
  }

  static Random seeded(long seed) {
    return new Random(seed);
  }

  static Tensor empty(DType dtype, long... shape) {
    return Tensor.empty(dtype, Device.CPU, shape);
  }

  /** Largest relative error of rounding to nearest. */
  static double halfUlp(DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> 0x1p-24;
      case BFLOAT16 -> 0x1p-8;
      case FLOAT16 -> 0x1p-11;
      default -> throw new IllegalArgumentException(dtype.text());
    };
  }

  /**
   * Each element deviates by at most {@code roundings} roundings of its own magnitude, plus {@code
   * absolute} for the float32 arithmetic before them.
   */
  static void assertRounded(
      Tensor actual, double[] expected, DType dtype, double roundings, double absolute) {
    Assertions.assertThat(actual.dtype()).isEqualTo(dtype);
    double[] found = actual.toDoubles();
    Assertions.assertThat(found).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      double bound = roundings * halfUlp(dtype) * Math.abs(expected[i]) + absolute;
      if (!(Math.abs(found[i] - expected[i]) <= bound)) {
        Assertions.fail(
            "element %d of %s: found %.9g, expected %.9g, bound %.3g",
            i, actual, found[i], expected[i], bound);
      }
    }
  }

  /** {@code x} rounded to {@code dtype}, by LibTorch. */
  static double rounded(double x, DType dtype) {
    return switch (dtype) {
      case FLOAT32 -> (float) x;
      default -> {
        try (Tensor wide = Tensor.of(new double[] {x});
            Tensor narrow = wide.to(dtype)) {
          yield narrow.item();
        }
      }
    };
  }
}
