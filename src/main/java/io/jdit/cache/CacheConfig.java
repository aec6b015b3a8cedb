package io.jdit.cache;

import static io.jdit.cache.CacheKeys.ENABLE_SEPARATE_CFG;
import static io.jdit.cache.CacheKeys.FORCE_REFRESH_STEP_HINT;
import static io.jdit.cache.CacheKeys.NUM_INFERENCE_STEPS;
import static io.jdit.cache.CacheKeys.STEPS_COMPUTATION_MASK;

import io.jdit.config.ConfigException;
import io.jdit.config.Values;
import java.util.List;

/**
 * The cache configuration of one block group, made once from its settings: what is asked at every
 * call is a field here. {@link CacheKeys} says what the fields mean.
 *
 * @param settings what it was made from
 * @param separateCfg two calls per step with a state each; unset counts as no, see {@link
 *     #forGeneration}
 * @param prune what only DBPrune asks
 * @param calibrator how skipped outputs are forecast; null for plain reuse
 * @param similarity how tensors are compared; only programs change it
 */
public record CacheConfig(
    Values settings,
    CacheType type,
    int fnComputeBlocks,
    int bnComputeBlocks,
    double residualDiffThreshold,
    Double maxAccumulatedResidualDiffThreshold,
    int maxWarmupSteps,
    int warmupInterval,
    int maxCachedSteps,
    int maxContinuousCachedSteps,
    boolean separateCfg,
    boolean cfgComputeFirst,
    boolean cfgDiffComputeSeparate,
    Integer numInferenceSteps,
    StepsPolicy stepsComputationPolicy,
    Integer forceRefreshStepHint,
    RefreshPolicy forceRefreshStepPolicy,
    Prune prune,
    CalibratorConfig calibrator,
    Similarity similarity) {

  /**
   * Settings of DBPrune.
   *
   * @param dynamicThreshold raise the threshold with the first differences of a step
   * @param maxThreshold limit of the raised threshold; null for twice the threshold
   */
  public record Prune(
      boolean dynamicThreshold,
      Double maxThreshold,
      double relaxRatio,
      List<Integer> protectedBlocks,
      boolean reduceCalibratorVram) {}

  /**
   * Variants of the compared difference.
   *
   * @param l1HiddenStatesDiffThreshold compare the hidden stream after F blocks with this threshold
   *     instead of the residual; null for off
   * @param importantConditionThreshold above 0: only tokens whose own difference exceeds it count
   * @param downsampleFactor compare every k-th channel
   */
  public record Similarity(
      Double l1HiddenStatesDiffThreshold,
      double importantConditionThreshold,
      int downsampleFactor) {
    public static final Similarity PLAIN = new Similarity(null, 0.0, 1);

    public Similarity {
      if (downsampleFactor < 1) {
        throw new ConfigException("downsample_factor must be >= 1, found " + downsampleFactor);
      }
    }

    /** True when the hidden stream is compared instead of the residual. */
    boolean comparesHidden() {
      return l1HiddenStatesDiffThreshold != null && l1HiddenStatesDiffThreshold > 0;
    }
  }

  public CacheConfig {
    if (separateCfg && cfgDiffComputeSeparate && cfgComputeFirst) {
      throw new ConfigException(
          "cfg_compute_first needs cfg_diff_compute_separate: false when enable_separate_cfg is"
              + " true");
    }
  }

  /** The library's defaults. */
  public static CacheConfig defaults() {
    return of(Values.none());
  }

  /** The defaults with {@code settings}. */
  public static CacheConfig of(Values settings) {
    return of(settings, CalibratorConfig.of(settings), Similarity.PLAIN);
  }

  private static CacheConfig of(Values s, CalibratorConfig calibrator, Similarity similarity) {
    return new CacheConfig(
        s,
        s.get(CacheKeys.CACHE_TYPE),
        s.get(CacheKeys.FN_COMPUTE_BLOCKS),
        s.get(CacheKeys.BN_COMPUTE_BLOCKS),
        s.get(CacheKeys.RESIDUAL_DIFF_THRESHOLD),
        s.get(CacheKeys.MAX_ACCUMULATED_RESIDUAL_DIFF_THRESHOLD),
        s.get(CacheKeys.MAX_WARMUP_STEPS),
        s.get(CacheKeys.WARMUP_INTERVAL),
        s.get(CacheKeys.MAX_CACHED_STEPS),
        s.get(CacheKeys.MAX_CONTINUOUS_CACHED_STEPS),
        Boolean.TRUE.equals(s.get(ENABLE_SEPARATE_CFG)),
        s.get(CacheKeys.CFG_COMPUTE_FIRST),
        s.get(CacheKeys.CFG_DIFF_COMPUTE_SEPARATE),
        s.get(NUM_INFERENCE_STEPS),
        s.get(CacheKeys.STEPS_COMPUTATION_POLICY),
        s.get(FORCE_REFRESH_STEP_HINT),
        s.get(CacheKeys.FORCE_REFRESH_STEP_POLICY),
        new Prune(
            s.get(CacheKeys.ENABLE_DYNAMIC_PRUNE_THRESHOLD),
            s.get(CacheKeys.MAX_DYNAMIC_PRUNE_THRESHOLD),
            s.get(CacheKeys.DYNAMIC_PRUNE_THRESHOLD_RELAX_RATIO),
            s.get(CacheKeys.NON_PRUNE_BLOCK_IDS),
            s.get(CacheKeys.FORCE_REDUCE_CALIBRATOR_VRAM)),
        calibrator,
        similarity);
  }

  /**
   * This configuration for one generation.
   *
   * @param steps denoising steps
   * @param callsPerStep transformer calls in a step; with 2 the branches have states of their own
   *     unless that is switched off, when every call counts as a step; one call has one state
   *     whatever the settings say
   * @throws ConfigException when the mask does not fit the steps
   */
  public CacheConfig forGeneration(int steps, int callsPerStep) {
    boolean separate =
        callsPerStep == 2 && !Boolean.FALSE.equals(settings.get(ENABLE_SEPARATE_CFG));
    int counted = separate ? steps : steps * callsPerStep;
    StepMaskSource source = settings.get(STEPS_COMPUTATION_MASK);
    StepMask mask =
        source == null ? null : source.resolve(counted, settings.get(NUM_INFERENCE_STEPS));
    return of(
        settings
            .with(NUM_INFERENCE_STEPS, counted)
            .with(STEPS_COMPUTATION_MASK, mask == null ? null : new StepMaskSource.Explicit(mask))
            .with(ENABLE_SEPARATE_CFG, separate),
        calibrator,
        similarity);
  }

  /** The same without a forced refresh. */
  CacheConfig withoutForcedRefresh() {
    return of(settings.with(FORCE_REFRESH_STEP_HINT, null), calibrator, similarity);
  }

  /** The same with another calibrator, which wins over that of the settings; null for none. */
  public CacheConfig withCalibrator(CalibratorConfig other) {
    return of(settings, other, similarity);
  }

  /** The same with another way to compare. */
  public CacheConfig withSimilarity(Similarity other) {
    return of(settings, calibrator, other);
  }

  /** Settings in one word, for logs and file names. */
  public String tag() {
    return CacheTag.of(this, null, null);
  }

  /**
   * The mask for {@link #numInferenceSteps}, or null.
   *
   * @throws ConfigException for a preset without steps
   */
  public StepMask stepsComputationMask() {
    StepMaskSource source = settings.get(STEPS_COMPUTATION_MASK);
    return source instanceof StepMaskSource.Explicit explicit
        ? explicit.mask()
        : source == null ? null : source.resolve(numInferenceSteps);
  }

  /**
   * Checks F and B against a group.
   *
   * @throws ConfigException when F + B exceeds {@code blocks}
   */
  public void requireFits(String group, int blocks) {
    if (fnComputeBlocks + bnComputeBlocks > blocks) {
      throw new ConfigException(
          ("Fn_compute_blocks %s + Bn_compute_blocks %s exceed the %s blocks of %s: lower "
                  + "one of them")
              .formatted(fnComputeBlocks, bnComputeBlocks, blocks, group));
    }
  }
}
