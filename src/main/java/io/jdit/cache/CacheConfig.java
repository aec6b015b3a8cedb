package io.jdit.cache;

import io.jdit.config.ConfigException;
import java.util.List;

/**
 * The cache configuration of one block group: {@link CacheSettings} over the library's defaults,
 * with what only programs set. Accessors have Cache-DiT's field names.
 *
 * @param settings the fields of files and flags
 * @param calibrator how skipped outputs are forecast; null for plain reuse
 * @param similarity how tensors are compared
 */
public record CacheConfig(
    CacheSettings settings, CalibratorConfig calibrator, Similarity similarity) {

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
    if (Boolean.TRUE.equals(settings.get(CacheField.ENABLE_SEPARATE_CFG))
        && settings.<Boolean>get(CacheField.CFG_DIFF_COMPUTE_SEPARATE)
        && settings.<Boolean>get(CacheField.CFG_COMPUTE_FIRST)) {
      throw new ConfigException(
          "cfg_compute_first needs cfg_diff_compute_separate: false when enable_separate_cfg is"
              + " true");
    }
  }

  /** The library's defaults. */
  public static CacheConfig defaults() {
    return of(CacheSettings.empty());
  }

  /** The defaults with {@code settings}. */
  public static CacheConfig of(CacheSettings settings) {
    return new CacheConfig(settings, calibratorOf(settings), Similarity.PLAIN);
  }

  private static CalibratorConfig calibratorOf(CacheSettings settings) {
    var coverage =
        new CalibratorConfig.Coverage(
            true,
            settings.<Boolean>get(CacheField.ENABLE_ENCODER_CALIBRATOR),
            settings.get(CacheField.CALIBRATOR_CACHE_TYPE));
    return switch (settings.<CalibratorKind>get(CacheField.CALIBRATOR)) {
      case NONE -> null;
      case TAYLORSEER ->
          new CalibratorConfig.TaylorSeer(
              coverage, settings.<Integer>get(CacheField.TAYLORSEER_ORDER));
      case FOCA -> new CalibratorConfig.FoCa(coverage);
      case DMD ->
          new CalibratorConfig.Dmd(
              coverage,
              settings.<Integer>get(CacheField.DMD_HISTORY),
              settings.<Integer>get(CacheField.DMD_RANK),
              settings.<Double>get(CacheField.DMD_RIDGE),
              settings.get(CacheField.DMD_SVD_PRECISION),
              CalibratorConfig.Dmd.Fallback.REFERENCE);
    };
  }

  /**
   * This configuration for one generation.
   *
   * @param steps denoising steps
   * @param callsPerStep transformer calls in a step; with 2 the branches have states of their own
   *     unless that is switched off, one call has one state whatever the settings say
   * @throws ConfigException when the mask does not fit the steps
   */
  public CacheConfig forGeneration(int steps, int callsPerStep) {
    StepMaskSource source = settings.get(CacheField.STEPS_COMPUTATION_MASK);
    StepMask mask = source == null ? null : source.resolve(steps);
    Boolean separate = settings.get(CacheField.ENABLE_SEPARATE_CFG);
    return new CacheConfig(
        settings
            .with(CacheField.NUM_INFERENCE_STEPS, steps)
            .with(
                CacheField.STEPS_COMPUTATION_MASK,
                mask == null ? null : new StepMaskSource.Explicit(mask))
            .with(
                CacheField.ENABLE_SEPARATE_CFG,
                callsPerStep == 2 && !Boolean.FALSE.equals(separate)),
        calibrator,
        similarity);
  }

  /** The same without a forced refresh. */
  CacheConfig withoutForcedRefresh() {
    return new CacheConfig(
        settings.with(CacheField.FORCE_REFRESH_STEP_HINT, null), calibrator, similarity);
  }

  /** The same with another calibrator, which wins over that of the settings; null for none. */
  public CacheConfig withCalibrator(CalibratorConfig other) {
    return new CacheConfig(settings, other, similarity);
  }

  /** The same with another way to compare. */
  public CacheConfig withSimilarity(Similarity other) {
    return new CacheConfig(settings, calibrator, other);
  }

  /** Settings in one word, for logs and file names. */
  public String tag() {
    return CacheTag.of(this, null, null);
  }

  /**
   * Checks F and B against a group.
   *
   * @throws ConfigException when F + B exceeds {@code blocks}
   */
  public void requireFits(String group, int blocks) {
    if (fnComputeBlocks() + bnComputeBlocks() > blocks) {
      throw new ConfigException(
          "Fn_compute_blocks "
              + fnComputeBlocks()
              + " + Bn_compute_blocks "
              + bnComputeBlocks()
              + " exceed the "
              + blocks
              + " blocks of "
              + group
              + ": lower one of them");
    }
  }

  public CacheType type() {
    return settings.get(CacheField.CACHE_TYPE);
  }

  /** F: first blocks that always run, at least 1. */
  public int fnComputeBlocks() {
    return settings.<Integer>get(CacheField.FN_COMPUTE_BLOCKS);
  }

  /** B: last blocks that always run. */
  public int bnComputeBlocks() {
    return settings.<Integer>get(CacheField.BN_COMPUTE_BLOCKS);
  }

  /** Cache when the difference is below it; at most 0 never, 1 and above always. */
  public double residualDiffThreshold() {
    return settings.<Double>get(CacheField.RESIDUAL_DIFF_THRESHOLD);
  }

  /** Differences may add up to this in a generation; null or at most 0 for no limit. */
  public Double maxAccumulatedResidualDiffThreshold() {
    return settings.get(CacheField.MAX_ACCUMULATED_RESIDUAL_DIFF_THRESHOLD);
  }

  /** Steps at the start of which every {@link #warmupInterval}-th is computed. */
  public int maxWarmupSteps() {
    return settings.<Integer>get(CacheField.MAX_WARMUP_STEPS);
  }

  public int warmupInterval() {
    return settings.<Integer>get(CacheField.WARMUP_INTERVAL);
  }

  /** Per branch and generation; negative is unlimited. */
  public int maxCachedSteps() {
    return settings.<Integer>get(CacheField.MAX_CACHED_STEPS);
  }

  /** Limit of the adjacency counter; negative is unlimited. */
  public int maxContinuousCachedSteps() {
    return settings.<Integer>get(CacheField.MAX_CONTINUOUS_CACHED_STEPS);
  }

  /** Two calls per step with a state each. Unset counts as no; see {@link #forGeneration}. */
  public boolean separateCfg() {
    return Boolean.TRUE.equals(settings.get(CacheField.ENABLE_SEPARATE_CFG));
  }

  /** The unconditional call of a step comes first. */
  public boolean cfgComputeFirst() {
    return settings.<Boolean>get(CacheField.CFG_COMPUTE_FIRST);
  }

  /** False lets the unconditional call reuse the other one's difference. */
  public boolean cfgDiffComputeSeparate() {
    return settings.<Boolean>get(CacheField.CFG_DIFF_COMPUTE_SEPARATE);
  }

  /** Steps of a generation; null when unknown. */
  public Integer numInferenceSteps() {
    return settings.get(CacheField.NUM_INFERENCE_STEPS);
  }

  /** The mask for {@link #numInferenceSteps}, or null. */
  public StepMask stepsComputationMask() {
    StepMaskSource source = settings.get(CacheField.STEPS_COMPUTATION_MASK);
    return source instanceof StepMaskSource.Explicit explicit
        ? explicit.mask()
        : source == null ? null : source.resolve(numInferenceSteps());
  }

  public StepsPolicy stepsComputationPolicy() {
    return settings.get(CacheField.STEPS_COMPUTATION_POLICY);
  }

  /** Refresh after so many transformer calls; null for never. */
  public Integer forceRefreshStepHint() {
    return settings.get(CacheField.FORCE_REFRESH_STEP_HINT);
  }

  public RefreshPolicy forceRefreshStepPolicy() {
    return settings.get(CacheField.FORCE_REFRESH_STEP_POLICY);
  }

  /** DBPrune: raise the threshold with the first differences of a step. */
  public boolean enableDynamicPruneThreshold() {
    return settings.<Boolean>get(CacheField.ENABLE_DYNAMIC_PRUNE_THRESHOLD);
  }

  /** DBPrune: limit of the raised threshold; null for twice the threshold. */
  public Double maxDynamicPruneThreshold() {
    return settings.get(CacheField.MAX_DYNAMIC_PRUNE_THRESHOLD);
  }

  public double dynamicPruneThresholdRelaxRatio() {
    return settings.<Double>get(CacheField.DYNAMIC_PRUNE_THRESHOLD_RELAX_RATIO);
  }

  /** DBPrune: blocks that always run, besides the first F and the last B. */
  public List<Integer> nonPruneBlockIds() {
    return settings.get(CacheField.NON_PRUNE_BLOCK_IDS);
  }

  /** DBPrune: compare every fourth channel only when there is a calibrator. */
  public boolean forceReduceCalibratorVram() {
    return settings.<Boolean>get(CacheField.FORCE_REDUCE_CALIBRATOR_VRAM);
  }
}
