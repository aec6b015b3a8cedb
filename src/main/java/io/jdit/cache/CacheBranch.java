package io.jdit.cache;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Counters and records of one branch: the conditional or the unconditional calls of a context. */
public final class CacheBranch {
  private final List<Integer> cachedSteps = new ArrayList<>();
  private final Map<Integer, List<Double>> residualDiffs = new LinkedHashMap<>();
  private final List<Integer> prunedBlocks = new ArrayList<>();
  private final List<Integer> actualBlocks = new ArrayList<>();
  private int continuousCachedSteps;
  private double accumulatedResidualDiff;
  private int accumulatedCachedSteps;

  CacheBranch() {}

  /** A new branch with the records of {@code old}, but not its counters of adjacency and sum. */
  static CacheBranch carriedOver(CacheBranch old) {
    CacheBranch branch = new CacheBranch();
    branch.cachedSteps.addAll(old.cachedSteps);
    branch.residualDiffs.putAll(old.residualDiffs);
    branch.accumulatedCachedSteps = old.accumulatedCachedSteps;
    return branch;
  }

  /** Steps served from the cache, in order. */
  public List<Integer> cachedSteps() {
    return Collections.unmodifiableList(cachedSteps);
  }

  /** Recorded differences by step: one each for DBCache, one per asked block for DBPrune. */
  public Map<Integer, List<Double>> residualDiffs() {
    return Collections.unmodifiableMap(residualDiffs);
  }

  /**
   * Adjacency counter of cached steps; a computed step does not reset it, reaching its limit does.
   */
  public int continuousCachedSteps() {
    return continuousCachedSteps;
  }

  /** Sum of the positive differences recorded, those of computed steps included. */
  public double accumulatedResidualDiff() {
    return accumulatedResidualDiff;
  }

  /** Cached steps since the context was made, across refreshes. */
  public int accumulatedCachedSteps() {
    return accumulatedCachedSteps;
  }

  /** DBPrune: blocks skipped in each call. */
  public List<Integer> prunedBlocks() {
    return Collections.unmodifiableList(prunedBlocks);
  }

  /** DBPrune: blocks of the group in each call. */
  public List<Integer> actualBlocks() {
    return Collections.unmodifiableList(actualBlocks);
  }

  void clearRecords() {
    cachedSteps.clear();
    residualDiffs.clear();
  }

  void resetContinuous() {
    continuousCachedSteps = 0;
  }

  /** The first difference of a step counts; later ones of the same step are dropped. */
  void record(int step, double difference) {
    if (residualDiffs.putIfAbsent(step, List.of(difference)) == null && difference > 0) {
      accumulatedResidualDiff += difference;
    }
  }

  /** Appends a block's difference to those of the step, without adding it up. */
  void recordBlock(int step, double difference) {
    residualDiffs.computeIfAbsent(step, s -> new ArrayList<>()).add(difference);
  }

  void addCachedStep(int step) {
    // The counter measures adjacency: a pair of neighbours counts 2, a single step only when it is
    // the first ever. Limits tuned for the reference depend on exactly this.
    if (cachedSteps.isEmpty()) {
      continuousCachedSteps += 1;
    } else if (step - cachedSteps.get(cachedSteps.size() - 1) == 1) {
      continuousCachedSteps += continuousCachedSteps == 0 ? 2 : 1;
    }
    cachedSteps.add(step);
    accumulatedCachedSteps += 1;
  }

  void addPruned(int pruned, int blocks) {
    prunedBlocks.add(pruned);
    actualBlocks.add(blocks);
  }
}
