package io.jdit.kernels;

import io.jdit.kernels.AttentionKernels.AttentionWithLse;
import io.jdit.tensor.DType;
import io.jdit.tensor.Device;
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

/**
 * A rank's share of FLUX.1 at 1024 x 1024 on four ranks: 4608 / 4 tokens, 24 heads of 128,
 * bfloat16. Outputs exist already. The copies are LibTorch's, of the same numbers: the permutation
 * that a bfloat16 exchange makes, and a plain one.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
public class CommunicationBenchmark {
  private static final long RANKS = 4;
  private static final long TOKENS = 4608 / RANKS;
  private static final long HEADS = 24;
  private static final long DIM = 128;

  @Param({"INPUT", "OUTPUT"})
  public Float8Format format;

  private TensorScope scope;
  private Tensor x;
  private Tensor pieces;
  private Tensor packed;
  private Tensor permuted;
  private Tensor copied;
  private AttentionWithLse merged;
  private AttentionWithLse part;

  @Setup(Level.Trial)
  public void open() {
    scope = TensorScope.open();
    Random random = new Random(1);
    float[] values = new float[(int) (TOKENS * HEADS * DIM)];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    x = Tensor.of(values, 1, TOKENS, HEADS, DIM).to(DType.BFLOAT16);
    pieces = x.view(1, TOKENS, RANKS, HEADS / RANKS, DIM).permute(2, 1, 0, 3, 4);
    packed =
        Tensor.zeros(DType.UINT8, Device.CPU, RANKS, TOKENS, 1, HEADS / RANKS, format.bytes(DIM));
    permuted = pieces.contiguous();
    copied = x.copy();
    CommunicationKernels.packFloat8(pieces, format, packed);
    Tensor lse = Tensor.zeros(DType.FLOAT32, Device.CPU, 1, HEADS, TOKENS);
    merged = new AttentionWithLse(x.to(DType.FLOAT32), lse.copy());
    part = new AttentionWithLse(x, lse);
  }

  @TearDown(Level.Trial)
  public void close() {
    scope.close();
  }

  @Benchmark
  public void copy() {
    copied.copy_(x);
  }

  @Benchmark
  public void permutingCopy() {
    permuted.copy_(pieces);
  }

  @Benchmark
  public void pack() {
    CommunicationKernels.packFloat8(pieces, format, packed);
  }

  @Benchmark
  public void packEager() {
    try (TensorScope call = TensorScope.open()) {
      packed.copy_(EagerKernels.packFloat8(pieces, format));
    }
  }

  @Benchmark
  public void unpack() {
    CommunicationKernels.unpackFloat8(packed, format, pieces);
  }

  @Benchmark
  public void unpackEager() {
    try (TensorScope call = TensorScope.open()) {
      pieces.copy_(EagerKernels.unpackFloat8(packed, format));
    }
  }

  @Benchmark
  public void merge() {
    CommunicationKernels.mergeAttention_(merged, part);
  }

  @Benchmark
  public void mergeEager() {
    try (TensorScope call = TensorScope.open()) {
      EagerKernels.mergeAttention_(merged, part);
    }
  }
}
