package io.jdit.cache;

/** Cache-DiT's compact text for a configuration and its result. */
final class CacheTag {
  private CacheTag() {}

  /**
   * @param cachedSteps left out when null or 0
   * @param prunedRatio DBPrune only; left out when null
   */
  static String of(CacheConfig config, Integer cachedSteps, Double prunedRatio) {
    StringBuilder tag = new StringBuilder(config.type().text());
    if (config.type() == CacheType.FORECAST) {
      return appendForecast(tag, config, cachedSteps);
    }
    tag.append("_F").append(config.fnComputeBlocks());
    tag.append('B').append(config.bnComputeBlocks());
    tag.append("_W").append(config.maxWarmupSteps());
    tag.append('I').append(config.warmupInterval());
    tag.append('M').append(Math.max(0, config.maxCachedSteps()));
    tag.append("MC").append(Math.max(0, config.maxContinuousCachedSteps()));
    tag.append("_R").append(config.residualDiffThreshold());
    if (config.type() != CacheType.DBPRUNE) {
      appendSteps(tag, config);
    } else if (prunedRatio != null) {
      tag.append("_P").append(Math.rint(prunedRatio * 10_000) / 100);
    }
    tag.append('_').append(config.calibrator() == null ? "T0O0" : config.calibrator().tag());
    if (cachedSteps != null && cachedSteps > 0) {
      tag.append("_S").append(cachedSteps);
    }
    return tag.toString();
  }

  private static String appendForecast(StringBuilder tag, CacheConfig config, Integer cachedSteps) {
    QualityTier quality = config.settings().get(CacheKeys.FORECAST_QUALITY);
    tag.append('_');
    tag.append(
        quality != null ? quality.text() : "X" + config.settings().get(CacheKeys.FORECAST_SPEEDUP));
    if (config.numInferenceSteps() != null) {
      tag.append("_N").append(config.numInferenceSteps());
    }
    return cachedSteps == null || cachedSteps == 0
        ? tag.toString()
        : tag.append("_S").append(cachedSteps).toString();
  }

  private static void appendSteps(StringBuilder tag, CacheConfig config) {
    StepMask mask = config.stepsComputationMask();
    if (mask != null) {
      tag.append("_SCM").append(mask);
      tag.append('_')
          .append(CacheSection.toYaml(config.settings(), CacheKeys.STEPS_COMPUTATION_POLICY));
    }
    if (config.numInferenceSteps() != null) {
      tag.append("_N").append(config.numInferenceSteps());
    }
    if (config.forceRefreshStepHint() != null) {
      tag.append("_FR").append(config.forceRefreshStepHint());
      tag.append('_')
          .append(CacheSection.toYaml(config.settings(), CacheKeys.FORCE_REFRESH_STEP_POLICY));
    }
    Boolean separate = config.settings().get(CacheKeys.ENABLE_SEPARATE_CFG);
    if (separate != null) {
      tag.append("_CFG").append(separate ? 1 : 0);
    }
  }
}
