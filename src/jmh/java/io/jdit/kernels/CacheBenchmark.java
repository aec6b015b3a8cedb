package io.jdit.kernels;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * The cache engine's kernels, their eager twins, and a plain copy of 72 MiB. Their outputs go to
 * tensors that exist already, as the cache engine's do; the twins make new ones.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class CacheBenchmark {
  @Param({"float32", "bfloat16"})
  public String dtype;

  private TensorScope scope;
  private Tensor h;
  private Tensor h1;
  private Tensor base;
  private List<Tensor> ladder;
  private List<Tensor> next;

  @Setup(Level.Trial)
  public void open() {
    scope = TensorScope.open();
    DType type = BenchmarkTensors.dtype(dtype);
    h = BenchmarkTensors.large(0.5, type);
    h1 = BenchmarkTensors.large(0.25, type);
    base = BenchmarkTensors.large(0.75, type);
    ladder = List.of(BenchmarkTensors.large(0.1, type), BenchmarkTensors.large(0.2, type));
    next = List.of(BenchmarkTensors.large(0, type), BenchmarkTensors.large(0, type));
  }

  @TearDown(Level.Trial)
  public void close() {
    scope.close();
  }

  private void scoped(Runnable body) {
    try (TensorScope inner = TensorScope.open()) {
      body.run();
    }
  }

  /** Reads and writes 72 MiB each. */
  @Benchmark
  public void copy() {
    next.get(0).copy_(h);
  }

  /** Reads 216 MiB, writes 72 MiB. */
  @Benchmark
  public void residualDiff() {
    scoped(() -> CacheKernels.residualDiffInto(h, h1, base, true, next.get(0)));
  }

  @Benchmark
  public void residualDiffEager() {
    scoped(
        () -> {
          Tensor r = h.sub(h1);
          base.sub(r).abs().mean();
          base.abs().mean();
        });
  }

  /** Reads 144 MiB. */
  @Benchmark
  public void residualCompare() {
    scoped(() -> CacheKernels.residualDiff(h, null, base, true));
  }

  @Benchmark
  public void residualCompareEager() {
    scoped(
        () -> {
          base.sub(h).abs().mean();
          base.abs().mean();
        });
  }

  /** Reads 216 MiB, writes 144 MiB. */
  @Benchmark
  public void taylorUpdate() {
    CacheKernels.taylorUpdateInto(h, h1, ladder, 3, next);
  }

  @Benchmark
  public void taylorUpdateEager() {
    scoped(() -> EagerKernels.taylorUpdate(h, h1, ladder, 1, 3));
  }

  /** Reads 216 MiB, writes 72 MiB. */
  @Benchmark
  public void taylorEval() {
    CacheKernels.taylorEvalInto(ladder, base, 2, next.get(0));
  }

  /** The same to new memory, whose pages the kernel has to clear first. */
  @Benchmark
  public void taylorEvalToNewMemory() {
    scoped(() -> CacheKernels.taylorEval(ladder, base, 2));
  }

  @Benchmark
  public void taylorEvalEager() {
    scoped(() -> EagerKernels.taylorEval(ladder, base, 2));
  }

  /** Reads 360 MiB, writes 144 MiB. */
  @Benchmark
  public void focaEval() {
    CacheKernels.focaEvalInto(
        h,
        h1,
        ladder.get(0),
        ladder.get(1),
        base,
        2,
        new CacheKernels.Forecast(next.get(0), next.get(1)));
  }

  @Benchmark
  public void focaEvalEager() {
    scoped(() -> EagerKernels.focaEval(h, h1, ladder.get(0), ladder.get(1), 2).add(base));
  }
}
