package io.jdit.cache;

import io.jdit.config.ValueType;
import java.util.List;

/**
 * The fields of a cache configuration: key in files, type, default. One list for everything that
 * reads, layers, explains or writes configurations.
 */
public enum CacheField {
  CACHE_TYPE("cache_type", ValueType.choice(CacheType.class, CacheType::text), CacheType.DBCACHE),
  FN_COMPUTE_BLOCKS("Fn_compute_blocks", ValueType.integerAtLeast(1), 8),
  BN_COMPUTE_BLOCKS("Bn_compute_blocks", ValueType.integerAtLeast(0), 0),
  RESIDUAL_DIFF_THRESHOLD("residual_diff_threshold", ValueType.number(), 0.08),
  MAX_ACCUMULATED_RESIDUAL_DIFF_THRESHOLD(
      "max_accumulated_residual_diff_threshold", ValueType.number(), null),
  MAX_WARMUP_STEPS("max_warmup_steps", ValueType.integerAtLeast(0), 8),
  WARMUP_INTERVAL("warmup_interval", ValueType.integerAtLeast(1), 1),
  MAX_CACHED_STEPS("max_cached_steps", ValueType.integer(), -1),
  MAX_CONTINUOUS_CACHED_STEPS("max_continuous_cached_steps", ValueType.integer(), -1),
  ENABLE_SEPARATE_CFG("enable_separate_cfg", ValueType.bool(), null),
  CFG_COMPUTE_FIRST("cfg_compute_first", ValueType.bool(), false),
  CFG_DIFF_COMPUTE_SEPARATE("cfg_diff_compute_separate", ValueType.bool(), true),
  NUM_INFERENCE_STEPS("num_inference_steps", ValueType.integerBetween(1, 1_000_000), null),
  STEPS_COMPUTATION_MASK("steps_computation_mask", StepMaskSource.TYPE, null),
  STEPS_COMPUTATION_POLICY(
      "steps_computation_policy",
      ValueType.choice(StepsPolicy.class, StepsPolicy::text),
      StepsPolicy.DYNAMIC),
  FORCE_REFRESH_STEP_HINT("force_refresh_step_hint", ValueType.integerAtLeast(0), null),
  FORCE_REFRESH_STEP_POLICY(
      "force_refresh_step_policy",
      ValueType.choice(RefreshPolicy.class, RefreshPolicy::text),
      RefreshPolicy.ONCE),

  ENABLE_DYNAMIC_PRUNE_THRESHOLD("enable_dynamic_prune_threshold", ValueType.bool(), false),
  MAX_DYNAMIC_PRUNE_THRESHOLD("max_dynamic_prune_threshold", ValueType.number(), null),
  DYNAMIC_PRUNE_THRESHOLD_RELAX_RATIO(
      "dynamic_prune_threshold_relax_ratio", ValueType.number(), 1.25),
  NON_PRUNE_BLOCK_IDS("non_prune_block_ids", ValueType.integersAtLeast(0), List.of()),
  FORCE_REDUCE_CALIBRATOR_VRAM("force_reduce_calibrator_vram", ValueType.bool(), false),

  CALIBRATOR(
      "calibrator",
      ValueType.choice(CalibratorKind.class, CalibratorKind::text),
      CalibratorKind.NONE),
  ENABLE_ENCODER_CALIBRATOR("enable_encoder_calibrator", ValueType.bool(), true),
  CALIBRATOR_CACHE_TYPE(
      "calibrator_cache_type",
      ValueType.choice(BufferKind.class, BufferKind::text),
      BufferKind.RESIDUAL),
  TAYLORSEER_ORDER("taylorseer_order", ValueType.integerBetween(0, 7), 1),
  DMD_HISTORY("dmd_history", ValueType.integerAtLeast(1), 6),
  DMD_RANK("dmd_rank", ValueType.integerAtLeast(0), 0),
  DMD_RIDGE("dmd_ridge", ValueType.number(), 1e-8),
  DMD_SVD_PRECISION(
      "dmd_svd_precision",
      ValueType.choice(SvdPrecision.class, SvdPrecision::text),
      SvdPrecision.MEDIUM);

  private final String key;
  private final ValueType<?> type;
  private final Object defaultValue;

  <T> CacheField(String key, ValueType<T> type, T defaultValue) {
    this.key = key;
    this.type = type;
    this.defaultValue = defaultValue;
  }

  /** The key in YAML and JSON. */
  public String key() {
    return key;
  }

  /** Null where "not set" has a meaning of its own. */
  public Object defaultValue() {
    return defaultValue;
  }

  public boolean isPruneOnly() {
    return compareTo(ENABLE_DYNAMIC_PRUNE_THRESHOLD) >= 0
        && compareTo(FORCE_REDUCE_CALIBRATOR_VRAM) <= 0;
  }

  /** True for the choice of the calibrator and everything that only matters with one. */
  public boolean isCalibrator() {
    return compareTo(CALIBRATOR) >= 0;
  }

  /** The calibrator that alone reads this field; null for other fields. */
  public CalibratorKind calibrator() {
    return switch (this) {
      case TAYLORSEER_ORDER -> CalibratorKind.TAYLORSEER;
      case DMD_HISTORY, DMD_RANK, DMD_RIDGE, DMD_SVD_PRECISION -> CalibratorKind.DMD;
      default -> null;
    };
  }

  /** Type of the values; the caller knows the type argument from the constant. */
  ValueType<?> type() {
    return type;
  }

  /** Checks a typed value; {@code where} is for the error. */
  @SuppressWarnings("unchecked")
  Object check(Object value, String where) {
    return ((ValueType<Object>) type).check(value, where);
  }

  /** The value as YAML. */
  @SuppressWarnings("unchecked")
  String yaml(Object value) {
    return ((ValueType<Object>) type).toYaml(value);
  }
}
