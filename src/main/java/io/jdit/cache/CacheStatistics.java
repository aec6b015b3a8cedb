package io.jdit.cache;

import io.jdit.transformer.BlockGroup;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a block group's cache did in a generation.
 *
 * @param expert component that the group belongs to, for example {@code transformer}
 * @param group name of the block group
 * @param blocks of the group
 * @param config the configuration as resolved for the generation
 * @param unconditional has no records without separate CFG
 * @param executedSteps steps since the context was made or refreshed
 */
public record CacheStatistics(
    String expert,
    String group,
    int blocks,
    CacheConfig config,
    Branch conditional,
    Branch unconditional,
    int executedSteps,
    int transformerExecutedSteps,
    int accumulatedExecutedSteps,
    int accumulatedTransformerExecutedSteps) {

  /** Copy of the records of a {@link CacheBranch}. */
  public record Branch(
      List<Integer> cachedSteps,
      Map<Integer, List<Double>> residualDiffs,
      int accumulatedCachedSteps,
      List<Integer> prunedBlocks,
      List<Integer> actualBlocks) {

    public Branch {
      cachedSteps = List.copyOf(cachedSteps);
      Map<Integer, List<Double>> copy = new LinkedHashMap<>();
      residualDiffs.forEach((step, diffs) -> copy.put(step, List.copyOf(diffs)));
      residualDiffs = Collections.unmodifiableMap(copy);
      prunedBlocks = List.copyOf(prunedBlocks);
      actualBlocks = List.copyOf(actualBlocks);
    }

    static Branch of(CacheBranch branch) {
      return new Branch(
          branch.cachedSteps(),
          branch.residualDiffs(),
          branch.accumulatedCachedSteps(),
          branch.prunedBlocks(),
          branch.actualBlocks());
    }

    /** All recorded differences, ascending; NaN last. */
    public double[] sortedDiffs() {
      return residualDiffs.values().stream()
          .flatMap(List::stream)
          .mapToDouble(Double::doubleValue)
          .sorted()
          .toArray();
    }

    /**
     * Percentile of all recorded differences by linear interpolation between order statistics.
     *
     * @param percent 0 to 100
     * @throws IllegalStateException when nothing was recorded
     */
    public double percentile(double percent) {
      double[] sorted = sortedDiffs();
      if (sorted.length == 0) {
        throw new IllegalStateException("no difference was recorded in this branch");
      }
      double position = percent / 100 * (sorted.length - 1);
      int below = (int) Math.floor(position);
      double fraction = position - below;
      double low = sorted[below];
      double high = sorted[Math.min(below + 1, sorted.length - 1)];
      // The two forms of NumPy's linear interpolation: monotonic, and exact at both ends.
      return fraction < 0.5 ? low + (high - low) * fraction : high - (high - low) * (1 - fraction);
    }

    /** DBPrune: block runs that were skipped. */
    public int pruned() {
      return sum(prunedBlocks);
    }

    /** DBPrune: share of block runs that were skipped; null when none was counted. */
    public Double prunedRatio() {
      return ratio(pruned(), sum(actualBlocks));
    }
  }

  static CacheStatistics of(String expert, BlockGroup<?> group, CacheContext context) {
    return new CacheStatistics(
        expert,
        group.name(),
        group.blocks().size(),
        context.config(),
        Branch.of(context.conditional()),
        Branch.of(context.unconditional()),
        context.step() + 1,
        context.transformerStep() + 1,
        context.accumulatedExecutedSteps(),
        context.accumulatedTransformerExecutedSteps());
  }

  /** Settings and result in one word, for logs and file names. */
  public String tag() {
    return CacheTag.of(config, conditional.accumulatedCachedSteps(), conditional.prunedRatio());
  }

  /** DBPrune over both branches: block runs that were skipped. */
  public int pruned() {
    return conditional.pruned() + unconditional.pruned();
  }

  /** DBPrune over both branches: block runs, skipped ones included. */
  public int asked() {
    return sum(conditional.actualBlocks) + sum(unconditional.actualBlocks);
  }

  /** DBPrune over both branches: share of block runs that were skipped; null when not counted. */
  public Double prunedRatio() {
    return ratio(pruned(), asked());
  }

  private static Double ratio(int pruned, int actual) {
    return actual == 0 ? null : (double) pruned / actual;
  }

  private static int sum(List<Integer> values) {
    return values.stream().mapToInt(Integer::intValue).sum();
  }
}
