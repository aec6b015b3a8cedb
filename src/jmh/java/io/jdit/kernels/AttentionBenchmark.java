package io.jdit.kernels;

import io.jdit.tensor.DType;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.Random;
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

/** Attention over [1, tokens, 8, headDim] and LibTorch's own. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class AttentionBenchmark {
  @Param({"float32", "bfloat16"})
  public String dtype;

  @Param({"1024x64", "2048x128"})
  public String shape;

  private TensorScope scope;
  private Tensor q;
  private Tensor k;
  private Tensor v;
  private double scale;

  @Setup(Level.Trial)
  public void open() {
    scope = TensorScope.open();
    String[] sizes = shape.split("x");
    long tokens = Long.parseLong(sizes[0]);
    long dim = Long.parseLong(sizes[1]);
    Random random = new Random(1);
    q = normal(random, tokens, dim);
    k = normal(random, tokens, dim);
    v = normal(random, tokens, dim);
    scale = 1 / Math.sqrt(dim);
  }

  private Tensor normal(Random random, long tokens, long dim) {
    float[] values = new float[(int) (tokens * 8 * dim)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return Tensor.of(values, 1, tokens, 8, dim).to(DType.parse(dtype));
  }

  @TearDown(Level.Trial)
  public void close() {
    scope.close();
  }

  @Benchmark
  public void attention() {
    AttentionKernels.attention(q, k, v, scale, false).close();
  }

  @Benchmark
  public void attentionEager() {
    EagerKernels.attention(q, k, v, scale, false).close();
  }
}
