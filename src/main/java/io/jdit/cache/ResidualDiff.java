package io.jdit.cache;

import io.jdit.kernels.CacheKernels;
import io.jdit.tensor.Tensor;
import io.jdit.tensor.TensorScope;
import java.util.stream.LongStream;

/**
 * The relative difference of two tensors of one shape, mean(|p - x|) / mean(|p|) with the
 * <em>previous</em> tensor p as the denominator. Every operation rounds to the tensors' dtype, as
 * in the reference: in bfloat16 the result has 8 significant bits.
 */
final class ResidualDiff {
  private final double importantThreshold;
  private final RankSum rankSum;

  /**
   * @param importantThreshold above 0: only tokens whose own difference exceeds it count, when
   *     there are any
   * @param rankSum null where one rank holds the whole tensor
   */
  ResidualDiff(double importantThreshold, RankSum rankSum) {
    this.importantThreshold = importantThreshold;
    this.rankSum = rankSum;
  }

  /** True when the sums of {@link CacheKernels#residualDiff} are all that is needed. */
  boolean isPlain() {
    return importantThreshold <= 0;
  }

  /**
   * @param previous [..., tokens, channels]
   * @param current the same shape
   */
  double between(Tensor previous, Tensor current) {
    try (TensorScope scope = TensorScope.open()) {
      if (importantThreshold > 0) {
        Tensor difference = previous.sub(current).abs();
        Tensor magnitude = previous.abs();
        long[] tokens = importantTokens(difference, magnitude);
        if (tokens.length > 0) {
          Tensor index = Tensor.of(tokens).to(previous.device());
          Tensor p = tokenRows(previous).indexSelect(0, index);
          Tensor x = tokenRows(current).indexSelect(0, index);
          return ofSums(CacheKernels.residualDiff(x, null, p, true).sums(), p);
        }
      }
      return ofSums(CacheKernels.residualDiff(current, null, previous, true).sums(), previous);
    }
  }

  /**
   * The difference from its sums.
   *
   * @param sums float64 [2]: sum |previous - current|, sum |previous|
   */
  double ofSums(Tensor sums, Tensor previous) {
    try (TensorScope scope = TensorScope.open()) {
      if (rankSum != null) {
        // Both means have one count, so their quotient is that of the sums, whatever the shards.
        float[] total = rankSum.over(sums.toFloats());
        return total[0] / total[1];
      }
      Tensor means = sums.div(previous.elements()).to(previous.dtype());
      return means.select(0, 0).div(means.select(0, 1)).item();
    }
  }

  private long[] importantTokens(Tensor difference, Tensor magnitude) {
    Tensor perToken = difference.mean(-1, false).div(magnitude.mean(-1, false));
    long[] exceeds = perToken.gt(importantThreshold).toLongs();
    return LongStream.range(0, exceeds.length).filter(i -> exceeds[(int) i] != 0).toArray();
  }

  private static Tensor tokenRows(Tensor x) {
    return x.reshape(-1, x.size(-1));
  }

  /** Every {@code factor}-th channel as a copy; another handle of x when the factor is 1. */
  static Tensor downsample(Tensor x, int factor) {
    if (factor == 1) {
      return x.alias();
    }
    try (TensorScope scope = TensorScope.open()) {
      long[] kept = LongStream.range(0, x.size(-1)).filter(c -> c % factor == 0).toArray();
      Tensor index = Tensor.of(kept).to(x.device());
      return scope.keep(x.indexSelect(x.dim() - 1, index));
    }
  }
}
