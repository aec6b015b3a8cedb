package io.jdit.attention;

import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.metrics.Unmeasured;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import io.jdit.tensor.Torch;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * The fastest kernel for each kind of operands, found out by timing all that can compute them when
 * the first of that kind come; the time this takes is {@link Unmeasured}. What was found holds for
 * the whole process.
 */
final class MeasuredKernel implements AttentionKernel {
  /**
   * Not {@link BuiltInKernel#TORCH}, which is one of them, nor MATH, which may not fit in memory.
   */
  private static final List<BuiltInKernel> CANDIDATES =
      List.of(
          BuiltInKernel.NATIVE, BuiltInKernel.FLASH, BuiltInKernel.EFFICIENT, BuiltInKernel.CUDNN);

  /** Tokens that are timed; how kernels compare does not change for more. */
  private static final long LARGEST_ON_CPU = 1024;

  private static final long LARGEST_ON_GPU = 8192;
  private static final int RUNS = 3;

  /** What is slower than the best by this factor at its first call is not called again. */
  private static final double HOPELESS = 2;

  /**
   * Operands that are alike. A mask is no part of it: keys that do not count are left out before.
   *
   * @param queries tokens, rounded up to a power of two, as {@code keys}
   */
  private record Kind(Device device, DType dtype, long headDim, long queries, long keys) {
    static Kind of(Tensor q, Tensor k) {
      return new Kind(q.device(), q.dtype(), q.size(3), rounded(q), rounded(k));
    }

    private static long rounded(Tensor x) {
      long tokens = Math.min(x.size(1), largest(x.device()));
      return tokens <= 1 ? tokens : Long.highestOneBit(tokens - 1) << 1;
    }
  }

  private static final Map<Kind, BuiltInKernel> CHOSEN = new ConcurrentHashMap<>();

  private final Consumer<String> notes;

  /**
   * @param notes is told every choice in a line
   */
  MeasuredKernel(Consumer<String> notes) {
    this.notes = notes;
  }

  @Override
  public boolean hasLogSumExp() {
    return true;
  }

  @Override
  public Tensor forward(Tensor q, Tensor k, Tensor v, double scale) {
    return kernel(q, k, v, scale).forward(q, k, v, scale);
  }

  @Override
  public AttentionWithLse withLogSumExp(Tensor q, Tensor k, Tensor v, double scale) {
    return kernel(q, k, v, scale).withLogSumExp(q, k, v, scale);
  }

  private BuiltInKernel kernel(Tensor q, Tensor k, Tensor v, double scale) {
    Kind kind = Kind.of(q, k);
    BuiltInKernel kernel = CHOSEN.get(kind);
    if (kernel == null) {
      kernel = Unmeasured.run(() -> fastest(kind, q, k, v, scale));
      CHOSEN.put(kind, kernel);
    }
    return kernel;
  }

  private static long largest(Device device) {
    return device.isCuda() ? LARGEST_ON_GPU : LARGEST_ON_CPU;
  }

  private BuiltInKernel fastest(Kind kind, Tensor q, Tensor k, Tensor v, double scale) {
    List<BuiltInKernel> able =
        CANDIDATES.stream().filter(c -> c.obstacle(kind.device, kind.dtype).isEmpty()).toList();
    BuiltInKernel best = BuiltInKernel.NATIVE;
    double least = Double.POSITIVE_INFINITY;
    StringBuilder times = new StringBuilder();
    try (TensorScope scope = TensorScope.open()) {
      Tensor a = first(q);
      Tensor b = first(k);
      Tensor c = first(v);
      for (BuiltInKernel candidate : able) {
        double time;
        try {
          time = milliseconds(candidate, a, b, c, scale, HOPELESS * least);
        } catch (RuntimeException e) { // LibTorch refuses the shape or the card
          continue;
        }
        times.append(times.isEmpty() ? "" : ", ").append(candidate);
        times.append(String.format(Locale.ROOT, " %.2f ms", time));
        if (time < least) {
          least = time;
          best = candidate;
        }
      }
      notes.accept(
          String.format(
              Locale.ROOT,
              "attention_backend auto: %s for %d x %d tokens, %d heads of %d, %s on %s (%s)",
              best,
              a.size(1),
              b.size(1),
              q.size(2),
              kind.headDim,
              kind.dtype.text(),
              kind.device,
              times));
    }
    return best;
  }

  private static Tensor first(Tensor x) {
    return x.narrow(1, 0, Math.min(x.size(1), largest(x.device())));
  }

  /** The least of several calls; of the first alone when that took {@code hopeless}. */
  private static double milliseconds(
      BuiltInKernel kernel, Tensor q, Tensor k, Tensor v, double scale, double hopeless) {
    double least = call(kernel, q, k, v, scale);
    for (int i = 0; i < RUNS && least < hopeless; i++) {
      least = Math.min(least, call(kernel, q, k, v, scale));
    }
    return least;
  }

  private static double call(BuiltInKernel kernel, Tensor q, Tensor k, Tensor v, double scale) {
    Torch.synchronize(q.device());
    long start = System.nanoTime();
    kernel.forward(q, k, v, scale).close();
    Torch.synchronize(q.device());
    return (System.nanoTime() - start) / 1e6;
  }

  @Override
  public String toString() {
    return AttentionBackend.AUTO;
  }
}
