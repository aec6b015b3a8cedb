package io.jdit.kernels;

import io.jdit.metrics.Median;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Functional;
import io.jdit.tensor.Generator;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.tensor.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Every kernel on a device against its eager twin in float32 on the CPU, on random data of one
 * shape, and its speed against a copy of as many bytes.
 */
public final class KernelCheck {
  /**
   * What one kernel did.
   *
   * @param difference largest, relative to the twin's largest magnitude
   * @param bound that it has to stay below
   * @param milliseconds median of a call
   * @param bytes read and written; 0 of attention, which computes more than it moves
   * @param ofCopy time of a copy of as many bytes, as a share of the kernel's; 0 of attention
   */
  public record Result(
      String kernel,
      DType dtype,
      double difference,
      double bound,
      double milliseconds,
      long bytes,
      double ofCopy) {
    public boolean passed() {
      return difference <= bound;
    }
  }

  private static final double EPS = 1e-6;
  private static final long SEED = 7;

  /** A number between two codes of 8 bits may become either. */
  private static final double FLIPPED_CODES = 5e-3;

  private final Device device;
  private final DType dtype;
  private final long tokens;
  private final long heads;
  private final long headDim;
  private final int runs;
  private final List<Result> results = new ArrayList<>();

  /**
   * @param tokens rows; features are {@code heads * headDim}
   * @param runs timed calls of each
   */
  public KernelCheck(Device device, DType dtype, long tokens, long heads, long headDim, int runs) {
    this.device = device;
    this.dtype = dtype;
    this.tokens = tokens;
    this.heads = heads;
    this.headDim = headDim;
    this.runs = runs;
  }

  /** On the device's thread. */
  public List<Result> run() {
    long dim = heads * headDim;
    try (TensorScope scope = TensorScope.open();
        Generator random = new Generator(SEED)) {
      Function<long[], Tensor> draw = shape -> random.randn(dtype, shape).to(device);
      Tensor x = draw.apply(new long[] {1, tokens, dim});
      Tensor y = draw.apply(new long[] {1, tokens, dim});
      Tensor z = draw.apply(new long[] {1, tokens, dim});
      Tensor w = draw.apply(new long[] {1, tokens, dim});
      Tensor row = draw.apply(new long[] {1, dim});
      Tensor row2 = draw.apply(new long[] {1, dim});
      Tensor split = x.view(1, tokens, heads, headDim);
      Tensor weight = draw.apply(new long[] {headDim});
      Tensor angles = random.randn(DType.FLOAT32, tokens, headDim / 2).repeatInterleave(2, 1);
      Tensor cos = angles.cos();
      Tensor sin = angles.sin();
      Tensor cosThere = cos.to(device);
      Tensor sinThere = sin.to(device);
      long one = x.bytes();

      check(
          "layer_norm_modulate",
          2 * one,
          () -> Kernels.layerNormModulate(x, row, row2, EPS),
          () -> EagerKernels.layerNormModulate(here(x), here(row), here(row2), EPS));
      check(
          "rms_norm_rope",
          2 * one + 2 * cos.bytes(),
          () -> Kernels.rmsNormRope(split, weight, EPS, cosThere, sinThere),
          () -> EagerKernels.rmsNormRope(here(split), here(weight), EPS, cos, sin));
      check(
          "gated_residual",
          3 * one,
          () -> Kernels.gatedResidual(x, row, y),
          () -> EagerKernels.gatedResidual(here(x), here(row), here(y)));
      check("gelu_tanh", 2 * one, () -> Kernels.geluTanh(x), () -> EagerKernels.geluTanh(here(x)));
      check(
          "silu_mul",
          3 * one,
          () -> Kernels.siluMul(x, y),
          () -> EagerKernels.siluMul(here(x), here(y)));
      Tensor pixels = x.view(1, dim, tokens);
      Tensor gamma = row.view(dim);
      check(
          "channel_norm",
          2 * one,
          () -> Kernels.channelNorm(pixels, gamma, EPS, true),
          () -> EagerKernels.channelNorm(here(pixels), here(gamma), EPS, true));
      check(
          "residual_diff",
          4 * one,
          () -> CacheKernels.residualDiff(x, y, z, true).residual(),
          () -> here(x).sub(here(y)));
      check(
          "taylor_update",
          5 * one,
          () -> CacheKernels.taylorUpdate(x, y, List.of(z), 1, 2).get(1),
          () -> EagerKernels.taylorUpdate(here(x), here(y), List.of(here(z)), 1, 2).get(1));
      check(
          "taylor_eval",
          3 * one,
          () -> CacheKernels.taylorEval(List.of(x, y), null, 0.5),
          () -> EagerKernels.taylorEval(List.of(here(x), here(y)), null, 0.5));
      check(
          "foca_eval",
          5 * one,
          () -> CacheKernels.focaEval(x, y, z, w, null, 0.5).value(),
          () -> EagerKernels.focaEval(here(x), here(y), here(z), here(w), 0.5));
      if (CodeKernels.supports(dtype, device)) {
        checkCodes(x, random);
      }
      if (device.isCuda()) {
        Tensor matrix = draw.apply(new long[] {dim, dim}).div(Math.sqrt(dim));
        Tensor bias = row.view(dim);
        check(
            "linear_gelu_tanh",
            0,
            () -> Functional.linearGeluTanh(x, matrix, bias),
            () -> EagerKernels.geluTanh(Functional.linear(here(x), here(matrix), here(bias))));
      }
      double scale = 1 / Math.sqrt(headDim);
      Tensor k = y.view(1, tokens, heads, headDim);
      Tensor v = z.view(1, tokens, heads, headDim);
      check(
          "attention",
          0,
          () -> AttentionKernels.attention(split, k, v, scale, false),
          () -> EagerKernels.attention(here(split), here(k), here(v), scale, false));
      if (AttentionKernels.hasInt8(dtype, device)) {
        check(
            "int8 attention",
            0,
            Math.max(bound(), FLIPPED_CODES),
            () -> AttentionKernels.int8Attention(split, k, v, scale),
            KernelCheck::here,
            () -> EagerKernels.int8AttentionWithLse(split, k, v, scale).out());
      }
    }
    return List.copyOf(results);
  }

  /**
   * Codes and scales have to be those of the twin, whose scales are computed in x's dtype.
   *
   * @return all results so far
   */
  List<Result> checkCodes(Tensor x, Generator random) {
    long dim = x.size(-1);
    for (DType type : List.of(DType.INT8, DType.FLOAT8_E4M3)) {
      for (boolean perTensor : new boolean[] {false, true}) {
        check(
            (perTensor ? "per tensor " : "quantize_rows ")
                + (type == DType.INT8 ? "int8" : "float8"),
            (perTensor ? 2 : 1) * x.bytes() + x.elements(),
            0,
            () -> CodeKernels.quantize(x, type, perTensor),
            KernelCheck::numbers,
            () -> numbers(EagerKernels.quantize(x.to(Device.CPU), type, perTensor)));
      }
    }
    // Against one pass after the other on the device: a twin's GELU would be another one.
    check(
        "gelu, join, quantize",
        2 * (x.bytes() + x.elements()),
        0,
        () -> CodeKernels.quantize(x, x, true, DType.FLOAT8_E4M3, false),
        KernelCheck::numbers,
        () ->
            numbers(
                CodeKernels.quantize(
                    Tensor.cat(-1, x, Kernels.geluTanh(x)), DType.FLOAT8_E4M3, false)));
    Tensor rowScale = random.randn(DType.FLOAT32, tokens, 1).mul(1e-3);
    Tensor columnScale = random.randn(DType.FLOAT32, dim, 1).mul(1e-3);
    Tensor sums = random.randn(DType.FLOAT32, tokens, dim).mul(1e6).to(DType.INT32);
    Tensor bias = random.randn(dtype, dim);
    Tensor[] there = {
      sums.to(device), rowScale.to(device), columnScale.to(device), bias.to(device)
    };
    check(
        "scale_sums",
        sums.bytes() + x.bytes(),
        0,
        () -> CodeKernels.scaleSums(there[0], there[1], there[2], there[3], dtype, false),
        KernelCheck::here,
        () -> here(EagerKernels.scaleSums(sums, rowScale, columnScale, bias, dtype)));
    return List.copyOf(results);
  }

  private static Tensor numbers(CodeKernels.Codes codes) {
    return here(codes.codes()).mul(here(codes.scale()));
  }

  private static Tensor here(Tensor t) {
    return t.to(Device.CPU, DType.FLOAT32);
  }

  private void check(String kernel, long bytes, Supplier<Tensor> call, Supplier<Tensor> twin) {
    check(kernel, bytes, bound(), call, KernelCheck::here, twin);
  }

  /**
   * @param read the numbers of a result, in float32 on the CPU
   */
  private <R> void check(
      String kernel,
      long bytes,
      double bound,
      Supplier<R> call,
      Function<R, Tensor> read,
      Supplier<Tensor> twin) {
    try (TensorScope scope = TensorScope.open()) {
      Tensor expected = twin.get();
      Tensor found = read.apply(call.get());
      double largest = expected.abs().max().item();
      double difference = found.sub(expected.reshape(found.shape())).abs().max().item() / largest;
      double time = median(call);
      double copy = bytes == 0 ? 0 : copy(bytes);
      results.add(new Result(kernel, dtype, difference, bound, time, bytes, copy / time));
    }
  }

  /** Some units in the last place: results are rounded once or twice on their way. */
  private double bound() {
    return switch (dtype) {
      case BFLOAT16 -> 1.0 / 64;
      case FLOAT16 -> 1.0 / 512;
      default -> 1e-5;
    };
  }

  private double median(Supplier<?> call) {
    List<Double> times = new ArrayList<>();
    for (int i = 0; i <= runs; i++) {
      try (TensorScope scope = TensorScope.open()) {
        Torch.synchronize(device);
        long start = System.nanoTime();
        call.get();
        Torch.synchronize(device);
        if (i > 0) { // the first one warms up
          times.add((System.nanoTime() - start) / 1e6);
        }
      }
    }
    return Median.of(times);
  }

  /** Milliseconds of a copy that reads and writes {@code bytes} in all. */
  private double copy(long bytes) {
    Tensor from = Tensor.zeros(dtype, device, bytes / 2 / dtype.bytes());
    Tensor to = Tensor.zeros(dtype, device, bytes / 2 / dtype.bytes());
    return median(
        () -> {
          to.copy_(from);
          return to;
        });
  }
}
