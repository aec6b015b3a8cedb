package io.jdit.cache;

import java.util.List;

/**
 * Decides, call by call, whether one block group may use its cache. Holds counters and records; the
 * buffers belong to the runner, which drops them when {@link #select} says so. The order of a call
 * is {@code select, begin, canCache, addCachedStep}.
 */
public final class CacheContext {
  /** Recorded instead of a difference when the threshold allows any. */
  static final double ALWAYS = -1.0;

  /** Recorded instead of a difference between tensors of different shapes. */
  static final double OTHER_SHAPE = -2.0;

  /** The dynamic threshold of DBPrune looks at so many differences of a step. */
  private static final int DYNAMIC_SAMPLES = 5;

  private final CacheConfig original;
  private CacheConfig config;
  private StepMask mask;
  private CacheBranch conditional = new CacheBranch();
  private CacheBranch unconditional = new CacheBranch();
  private int executedSteps;
  private int transformerExecutedSteps;
  private int accumulatedExecutedSteps;
  private int accumulatedTransformerExecutedSteps;

  public CacheContext(CacheConfig config) {
    this.original = config;
    use(config);
  }

  private void use(CacheConfig used) {
    config = used;
    mask = used.stepsComputationMask();
  }

  /**
   * Starts a call. Refreshes the context when its steps are over or a forced refresh is due.
   *
   * @return true when the context was refreshed: buffers and calibrators must be dropped
   */
  public boolean select() {
    Integer steps = config.numInferenceSteps();
    Integer hint = config.forceRefreshStepHint();
    if (steps != null && step() >= steps) {
      use(original);
      conditional = new CacheBranch();
      unconditional = new CacheBranch();
      accumulatedExecutedSteps = 0;
      accumulatedTransformerExecutedSteps = 0;
    } else if (hint != null && transformerStep() == hint - 1) {
      if (config.forceRefreshStepPolicy() == RefreshPolicy.ONCE) {
        use(config.withoutForcedRefresh());
      }
      conditional = CacheBranch.carriedOver(conditional);
      unconditional = CacheBranch.carriedOver(unconditional);
    } else {
      return false;
    }
    executedSteps = 0;
    transformerExecutedSteps = 0;
    return true;
  }

  /**
   * Counts the call.
   *
   * @return the branch that it belongs to
   */
  public CacheBranch begin() {
    transformerExecutedSteps += 1;
    accumulatedTransformerExecutedSteps += 1;
    if (!config.separateCfg() || isCfgCall() == config.cfgComputeFirst()) {
      executedSteps += 1;
      accumulatedExecutedSteps += 1;
    }
    if (transformerExecutedSteps == 1) {
      conditional.clearRecords();
      unconditional.clearRecords();
    }
    return branch();
  }

  /** Index of the denoising step of this call; -1 before the first. */
  public int step() {
    return executedSteps - 1;
  }

  /** Index of this transformer call; -1 before the first. */
  public int transformerStep() {
    return transformerExecutedSteps - 1;
  }

  /** True when this call is the unconditional one of its step. */
  public boolean isCfgCall() {
    boolean odd = transformerStep() % 2 != 0;
    return config.separateCfg() && odd != config.cfgComputeFirst();
  }

  /** The branch of this call. */
  public CacheBranch branch() {
    return isCfgCall() ? unconditional : conditional;
  }

  public CacheBranch conditional() {
    return conditional;
  }

  public CacheBranch unconditional() {
    return unconditional;
  }

  public CacheConfig config() {
    return config;
  }

  public int accumulatedExecutedSteps() {
    return accumulatedExecutedSteps;
  }

  public int accumulatedTransformerExecutedSteps() {
    return accumulatedTransformerExecutedSteps;
  }

  /** May this call use the cache? Records the difference where one is measured. */
  public boolean canCache(Difference difference) {
    CacheBranch branch = branch();
    if (isWarmup()) {
      return false;
    }
    if (mask != null) {
      if (mask.computes(step())) {
        return false;
      }
      if (config.stepsComputationPolicy() == StepsPolicy.STATIC) {
        return true;
      }
    }
    return withinLimits(branch) && isSimilar(branch, difference);
  }

  /** False when the mask or the warm-up decide this call without any difference. */
  boolean mayMeasure() {
    return !isWarmup()
        && (mask == null
            || (!mask.computes(step()) && config.stepsComputationPolicy() == StepsPolicy.DYNAMIC));
  }

  private boolean isWarmup() {
    int warmup = config.maxWarmupSteps();
    if (mask != null) {
      warmup = Math.min(warmup, mask.leadingComputed());
    }
    return step() < warmup && step() % config.warmupInterval() == 0;
  }

  private boolean withinLimits(CacheBranch branch) {
    int maxCached = config.maxCachedSteps();
    if (maxCached >= 0 && branch.cachedSteps().size() >= maxCached) {
      return false;
    }
    int maxContinuous = config.maxContinuousCachedSteps();
    if (maxContinuous >= 0 && branch.continuousCachedSteps() >= maxContinuous) {
      branch.resetContinuous();
      return false;
    }
    // Nothing resets the sum: from here on the branch computes until the context's life ends.
    Double maxAccumulated = config.maxAccumulatedResidualDiffThreshold();
    return maxAccumulated == null
        || maxAccumulated <= 0
        || branch.accumulatedResidualDiff() < maxAccumulated;
  }

  private boolean isSimilar(CacheBranch branch, Difference difference) {
    double threshold = threshold();
    if (threshold <= 0 || !difference.hasPrevious()) {
      return false;
    }
    if (threshold >= 1) {
      record(branch, ALWAYS);
      return true;
    }
    if (!difference.sameShape()) {
      record(branch, OTHER_SHAPE);
      return false;
    }
    double measured = sharedOrMeasured(difference);
    record(branch, measured);
    return measured < threshold;
  }

  private double sharedOrMeasured(Difference difference) {
    if (isCfgCall() && !config.cfgDiffComputeSeparate() && config.type() != CacheType.DBPRUNE) {
      List<Double> other = conditional.residualDiffs().get(step());
      if (other != null) {
        return other.get(0);
      }
    }
    return difference.measure();
  }

  private void record(CacheBranch branch, double difference) {
    if (config.type() == CacheType.DBPRUNE) {
      branch.recordBlock(step(), difference);
    } else {
      branch.record(step(), difference);
    }
  }

  private double threshold() {
    if (config.type() == CacheType.DBPRUNE) {
      return pruneThreshold();
    }
    Double l1 = config.similarity().l1HiddenStatesDiffThreshold();
    return l1 == null ? config.residualDiffThreshold() : l1;
  }

  private double pruneThreshold() {
    double base = config.residualDiffThreshold();
    // The reference reads the conditional branch here for unconditional calls too.
    List<Double> seen = conditional.residualDiffs().get(step());
    if (!config.prune().dynamicThreshold() || seen == null) {
      return base;
    }
    double[] positive =
        seen.stream()
            .limit(DYNAMIC_SAMPLES)
            .mapToDouble(Double::doubleValue)
            .filter(d -> d > 0)
            .toArray();
    if (positive.length == 0) {
      return base;
    }
    double sum = 0;
    for (double d : positive) {
      sum += d;
    }
    double relaxed = sum / positive.length * config.prune().relaxRatio();
    Double max = config.prune().maxThreshold();
    return relaxed < (max == null ? 2 * base : max) ? Math.max(relaxed, base) : base;
  }

  /** Says that this call uses the cache. Once per step for DBPrune. */
  public void addCachedStep() {
    branch().addCachedStep(step());
  }
}
