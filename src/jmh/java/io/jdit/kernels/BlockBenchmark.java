package io.jdit.kernels;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
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
 * The element-wise kernels of a block and their eager twins, to new memory unless the name says
 * otherwise.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class BlockBenchmark {
  @Param({"float32", "bfloat16"})
  public String dtype;

  private TensorScope scope;
  private Tensor x;
  private Tensor y;
  private Tensor row;
  private Tensor heads;
  private Tensor joined;
  private Tensor weight;
  private Tensor cos;
  private Tensor sin;

  @Setup(Level.Trial)
  public void open() {
    scope = TensorScope.open();
    DType type = BenchmarkTensors.dtype(dtype);
    x = BenchmarkTensors.large(0.5, type);
    y = BenchmarkTensors.large(0.25, type);
    row = BenchmarkTensors.filled(0.1, type, 1, BenchmarkTensors.DIM);
    long tokens = BenchmarkTensors.tokens(type);
    heads = x.view(1, tokens, 24, 128);
    joined = y.view(1, tokens, 24, 128);
    weight = BenchmarkTensors.filled(1, type, 128);
    cos = BenchmarkTensors.filled(0.8, DType.FLOAT32, tokens, 128);
    sin = BenchmarkTensors.filled(0.6, DType.FLOAT32, tokens, 128);
  }

  @TearDown(Level.Trial)
  public void close() {
    scope.close();
  }

  @Benchmark
  public void layerNormModulate() {
    Kernels.layerNormModulate(x, row, row, 1e-6).close();
  }

  @Benchmark
  public void layerNormModulateEager() {
    EagerKernels.layerNormModulate(x, row, row, 1e-6).close();
  }

  @Benchmark
  public void rmsNormRope() {
    Kernels.rmsNormRope(heads, weight, 1e-6, cos, sin).close();
  }

  @Benchmark
  public void rmsNormRopeIntoExisting() {
    Kernels.rmsNormRopeInto(heads, weight, 1e-6, cos, sin, joined, 0);
  }

  @Benchmark
  public void rmsNormRopeEager() {
    EagerKernels.rmsNormRope(heads, weight, 1e-6, cos, sin).close();
  }

  @Benchmark
  public void gatedResidual() {
    Kernels.gatedResidual(x, row, y).close();
  }

  @Benchmark
  public void gatedResidualEager() {
    EagerKernels.gatedResidual(x, row, y).close();
  }

  @Benchmark
  public void geluTanh() {
    Kernels.geluTanh(x).close();
  }

  @Benchmark
  public void geluTanhIntoExisting() {
    Kernels.geluTanhInto(x, y);
  }

  @Benchmark
  public void geluTanhEager() {
    EagerKernels.geluTanh(x).close();
  }
}
