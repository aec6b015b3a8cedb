package io.jdit.cache;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.stream.Stream;

/**
 * Which denoising steps must be computed (1) and which may come from the cache (0). Steps beyond
 * the end count as 0. Immutable.
 */
public final class StepMask {
  private static final int MAX_STEPS = 1_000_000;

  private final int length;
  private final BitSet computed;

  private StepMask(int length, BitSet computed) {
    this.length = length;
    this.computed = computed;
  }

  /**
   * Reads digits, for example {@code 11101001}.
   *
   * @throws IllegalArgumentException when another character than 0 and 1 occurs
   */
  public static StepMask parse(String digits) {
    if (!digits.matches("[01]*")) {
      throw new IllegalArgumentException(
          "a step mask consists of the digits 0 and 1, found '" + digits + "'");
    }
    BitSet bits = new BitSet();
    for (int i = 0; i < digits.length(); i++) {
      bits.set(i, digits.charAt(i) == '1');
    }
    return new StepMask(digits.length(), bits);
  }

  /**
   * Alternates bins: the first compute bin as ones, the first cache bin as zeros, and so on, cut to
   * {@code totalSteps}; when one list is exhausted the other continues alone.
   *
   * @param totalSteps null for the sum of all bins
   * @throws IllegalArgumentException for negative bins, or bins that do not reach {@code
   *     totalSteps}
   */
  public static StepMask ofBins(List<Integer> compute, List<Integer> cache, Integer totalSteps) {
    requireNotNegative("compute", compute);
    requireNotNegative("cache", cache);
    long sum = Stream.concat(compute.stream(), cache.stream()).mapToLong(Integer::longValue).sum();
    if (totalSteps == null && sum > MAX_STEPS) {
      throw new IllegalArgumentException(
          "mask bins cover " + sum + " steps, at most " + MAX_STEPS + " are possible");
    }
    int total = totalSteps == null ? (int) sum : totalSteps;
    if (sum < total) {
      throw new IllegalArgumentException(
          "mask bins %s / %s cover %s steps, the run has %s: add bins"
              .formatted(compute, cache, sum, total));
    }
    return new StepMask(total, alternate(compute, cache, total));
  }

  /**
   * The mask of a preset; its last step is always computed. Bins of the nearest base length are
   * grown or shrunk to {@code totalSteps} the way Cache-DiT does it.
   *
   * @throws IllegalArgumentException for fewer than 8 steps other than 4 and 6
   */
  public static StepMask ofPreset(MaskPreset preset, int totalSteps) {
    MaskPreset.Bins base = preset.bins(totalSteps);
    List<Integer> compute = new ArrayList<>(base.compute());
    List<Integer> cache = new ArrayList<>(base.cache());
    grow(compute, cache, totalSteps);
    shrink(compute, cache, totalSteps);
    BitSet bits = alternate(compute, cache, totalSteps);
    bits.set(totalSteps - 1);
    return new StepMask(totalSteps, bits);
  }

  private static void grow(List<Integer> compute, List<Integer> cache, int total) {
    // The factor refers to the bins of 28 steps and is halved; evaluated in this order in double.
    double factor = (total / 28.0) * 0.5;
    List<Integer> compute0 = List.copyOf(compute);
    List<Integer> cache0 = List.copyOf(cache);
    int pairs = Math.min(compute.size(), cache.size());
    int sum = sum(compute) + sum(cache);
    while (sum < total) {
      for (int i = 0; i < pairs; i++) {
        sum += widen(compute, i, increment(compute0.get(i), factor));
        if (sum >= total) {
          return;
        }
        sum += widen(cache, i, increment(cache0.get(i), factor));
        if (sum >= total) {
          return;
        }
      }
      sum += widen(compute, compute.size() - 1, 1);
    }
  }

  private static int increment(int bin, double factor) {
    return Math.max((int) (bin * factor), 1);
  }

  private static int widen(List<Integer> bins, int index, int by) {
    bins.set(index, bins.get(index) + by);
    return by;
  }

  private static void shrink(List<Integer> compute, List<Integer> cache, int total) {
    int sum = sum(compute) + sum(cache);
    while (sum > total) {
      sum -= narrowLast(cache);
      if (sum <= total) {
        return;
      }
      sum -= narrowLast(compute);
    }
  }

  private static int narrowLast(List<Integer> bins) {
    if (bins.isEmpty()) {
      return 0;
    }
    int last = bins.size() - 1;
    bins.set(last, bins.get(last) - 1);
    if (bins.get(last) == 0) {
      bins.remove(last);
    }
    return 1;
  }

  private static BitSet alternate(List<Integer> compute, List<Integer> cache, int total) {
    BitSet bits = new BitSet(total);
    long step = 0;
    for (int i = 0; i < Math.max(compute.size(), cache.size()) && step < total; i++) {
      if (i < compute.size()) {
        bits.set((int) step, (int) Math.min(step + compute.get(i), total));
        step += compute.get(i);
      }
      if (i < cache.size()) {
        step += cache.get(i);
      }
    }
    return bits;
  }

  private static int sum(List<Integer> bins) {
    return bins.stream().mapToInt(Integer::intValue).sum();
  }

  private static void requireNotNegative(String which, List<Integer> bins) {
    for (int bin : bins) {
      if (bin < 0) {
        throw new IllegalArgumentException(
            which + " bins of a step mask must be >= 0, found " + bins);
      }
    }
  }

  public int length() {
    return length;
  }

  /** True when {@code step} must be computed. */
  public boolean computes(int step) {
    return step < length && computed.get(step);
  }

  /** Steps among the first {@code steps} that must be computed. */
  public int computedWithin(int steps) {
    return computed.get(0, steps).cardinality();
  }

  /** Steps that must be computed before the first that may be cached. */
  public int leadingComputed() {
    return Math.min(computed.nextClearBit(0), length);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof StepMask m && length == m.length && computed.equals(m.computed);
  }

  @Override
  public int hashCode() {
    return 31 * length + computed.hashCode();
  }

  /** The digits that {@link #parse} reads. */
  @Override
  public String toString() {
    StringBuilder digits = new StringBuilder(length);
    for (int i = 0; i < length; i++) {
      digits.append(computed.get(i) ? '1' : '0');
    }
    return digits.toString();
  }
}
