package io.jdit.cache;

import io.jdit.config.Catalog;
import io.jdit.config.Key;
import io.jdit.config.ValueType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The settings of the cache, each declared once: key in files, type, default, option of the command
 * line with its help, and the part of its variable's name behind {@code JDIT_CACHE_DIT_}. The order
 * is that of the help and of explanations.
 */
public final class CacheKeys {
  private static final List<Key<?>> DECLARED_FIELDS = new ArrayList<>();
  private static final List<Key<?>> DECLARED_OPTIONS = new ArrayList<>();

  private CacheKeys() {}

  /** The switch. */
  public static final Key<CacheSwitch> CACHE =
      option(
          Key.of("cache", CacheSwitch.TYPE)
              .withVariable("ENABLED")
              .withHelp(
                  "TYPE",
                  "Cache blocks with the serving defaults (F1 B0 W4 R0.24 MC3), or by TYPE: dbcache,"
                      + " dbprune, or forecast, which needs a profile of the model; --no-cache"
                      + " switches it off whatever else says."));

  public static final Key<CacheType> CACHE_TYPE =
      field("cache_type", ValueType.choice(CacheType.class, CacheType::text), CacheType.DBCACHE);

  /** F: first blocks that always run. */
  public static final Key<Integer> FN_COMPUTE_BLOCKS =
      field(
          key("Fn_compute_blocks", ValueType.integerAtLeast(1), 8, "--Fn")
              .withVariable("FN")
              .withHelp("N", "First blocks that always run."));

  /** B: last blocks that always run. */
  public static final Key<Integer> BN_COMPUTE_BLOCKS =
      field(
          key("Bn_compute_blocks", ValueType.integerAtLeast(0), 0, "--Bn")
              .withVariable("BN")
              .withHelp("N", "Last blocks that always run."));

  /** At most 0 never caches, 1 and above always. */
  public static final Key<Double> RESIDUAL_DIFF_THRESHOLD =
      field(
          key("residual_diff_threshold", ValueType.number(), 0.08, "--rdt")
              .withVariable("RDT")
              .withHelp("R", "Residual difference below which a step is cached."));

  /** Differences may add up to this in a generation; null or at most 0 for no limit. */
  public static final Key<Double> MAX_ACCUMULATED_RESIDUAL_DIFF_THRESHOLD =
      field("max_accumulated_residual_diff_threshold", ValueType.number(), null);

  public static final Key<Integer> MAX_WARMUP_STEPS =
      field(
          key("max_warmup_steps", ValueType.integerAtLeast(0), 8, "--warmup-steps")
              .withVariable("WARMUP")
              .withHelp("N", "Steps computed before caching."));

  public static final Key<Integer> WARMUP_INTERVAL =
      field(
          key("warmup_interval", ValueType.integerAtLeast(1), 1, "--warmup-interval")
              .withHelp("N", "Every N-th warm-up step must be computed."));

  public static final Key<Integer> MAX_CACHED_STEPS =
      field(
          key("max_cached_steps", ValueType.integer(), -1, "--max-cached-steps")
              .withHelp("N", "Cached steps of a generation; -1 is no limit."));

  /** SGLang's MC limits continuous steps, not the total as the letters suggest. */
  public static final Key<Integer> MAX_CONTINUOUS_CACHED_STEPS =
      field(
          key(
                  "max_continuous_cached_steps",
                  ValueType.integer(),
                  -1,
                  "--max-continuous-cached-steps")
              .withVariable("MC")
              .withHelp("N", "Cached steps in a row; -1 is no limit."));

  /** In files {@code enable_taylorseer, enable_dmd, enable_foca}. */
  public static final Key<CalibratorKind> CALIBRATOR =
      field("calibrator", ValueType.choice(CalibratorKind.class), CalibratorKind.NONE);

  /** In files {@code enable_encoder_taylorseer} and so on. */
  public static final Key<Boolean> ENABLE_ENCODER_CALIBRATOR =
      field("enable_encoder_calibrator", ValueType.bool(), true);

  public static final Key<BufferKind> CALIBRATOR_CACHE_TYPE =
      field(
          key(
                  "calibrator_cache_type",
                  ValueType.choice(BufferKind.class),
                  BufferKind.RESIDUAL,
                  null)
              .withAliases("taylorseer_cache_type"));

  public static final Key<Boolean> ENABLE_TAYLORSEER =
      option(
          key("enable_taylorseer", ValueType.bool(), null, "--taylorseer")
              .withVariable("TAYLORSEER")
              .withHelp(null, "Forecast cached steps by a Taylor series."));

  public static final Key<Integer> TAYLORSEER_ORDER =
      field(
          key("taylorseer_order", ValueType.integerBetween(0, 7), 1, "--taylorseer-order")
              .withVariable("TS_ORDER")
              .withHelp("N", "Order of that series."));

  public static final Key<Boolean> ENABLE_DMD =
      option(
          key("enable_dmd", ValueType.bool(), null, "--dmd")
              .withHelp(null, "Forecast cached steps by dynamic mode decomposition."));

  public static final Key<Integer> DMD_HISTORY =
      field("dmd_history", ValueType.integerAtLeast(1), 6);
  public static final Key<Integer> DMD_RANK = field("dmd_rank", ValueType.integerAtLeast(0), 0);
  public static final Key<Double> DMD_RIDGE = field("dmd_ridge", ValueType.number(), 1e-8);
  public static final Key<SvdPrecision> DMD_SVD_PRECISION =
      field("dmd_svd_precision", ValueType.choice(SvdPrecision.class), SvdPrecision.MEDIUM);

  public static final Key<Boolean> ENABLE_FOCA =
      option(
          key("enable_foca", ValueType.bool(), null, "--foca")
              .withHelp(null, "Forecast cached steps by FoCa."));

  /** Name of a preset, or {@code none}. */
  public static final Key<String> SCM =
      option(
          Key.of("scm", ValueType.text())
              .withVariable("SCM_PRESET")
              .withHelp("PRESET", "Step mask: none, slow, medium, fast or ultra."));

  public static final Key<List<Integer>> SCM_COMPUTE_BINS =
      option(
          Key.of("scm_compute_bins", ValueType.integersAtLeast(0))
              .withVariable("SCM_COMPUTE_BINS")
              .withHelp("N[,N...]", "Own mask: lengths of the computed runs."));

  public static final Key<List<Integer>> SCM_CACHE_BINS =
      option(
          Key.of("scm_cache_bins", ValueType.integersAtLeast(0))
              .withVariable("SCM_CACHE_BINS")
              .withHelp("N[,N...]", "Own mask: lengths of the cached runs."));

  /** Options and variables give it by preset or bins. */
  public static final Key<StepMaskSource> STEPS_COMPUTATION_MASK =
      field("steps_computation_mask", StepMaskSource.TYPE, null);

  public static final Key<StepsPolicy> STEPS_COMPUTATION_POLICY =
      field(
          key(
                  "steps_computation_policy",
                  ValueType.choice(StepsPolicy.class),
                  StepsPolicy.DYNAMIC,
                  "--scm-policy")
              .withVariable("SCM_POLICY")
              .withHelp("POLICY", "dynamic: masked steps may be cached; static: they are."));

  /** The steps that the settings are made for; a run has its own. */
  public static final Key<Integer> NUM_INFERENCE_STEPS =
      field("num_inference_steps", ValueType.integerBetween(1, 1_000_000), null);

  /**
   * Not set: with two calls per step. The misspelt alias occurs in public documents of the
   * reference, which ignores it silently.
   */
  public static final Key<Boolean> ENABLE_SEPARATE_CFG =
      field(
          key("enable_separate_cfg", ValueType.bool(), null, null)
              .withAliases("enable_sperate_cfg"));

  /** The unconditional call of a step comes first. */
  public static final Key<Boolean> CFG_COMPUTE_FIRST =
      field("cfg_compute_first", ValueType.bool(), false);

  /** False lets the unconditional call reuse the other one's difference. */
  public static final Key<Boolean> CFG_DIFF_COMPUTE_SEPARATE =
      field("cfg_diff_compute_separate", ValueType.bool(), true);

  /** Refresh after so many transformer calls; null for never. */
  public static final Key<Integer> FORCE_REFRESH_STEP_HINT =
      field("force_refresh_step_hint", ValueType.integerAtLeast(0), null);

  public static final Key<RefreshPolicy> FORCE_REFRESH_STEP_POLICY =
      field("force_refresh_step_policy", ValueType.choice(RefreshPolicy.class), RefreshPolicy.ONCE);

  public static final Key<Boolean> PRUNE =
      option(Key.of("prune", ValueType.bool()).withHelp(null, "DBPrune: decide for each block."));

  /** DBPrune: raise the threshold with the first differences of a step. */
  public static final Key<Boolean> ENABLE_DYNAMIC_PRUNE_THRESHOLD =
      field("enable_dynamic_prune_threshold", ValueType.bool(), false);

  /** DBPrune: limit of the raised threshold; null for twice the threshold. */
  public static final Key<Double> MAX_DYNAMIC_PRUNE_THRESHOLD =
      field("max_dynamic_prune_threshold", ValueType.number(), null);

  public static final Key<Double> DYNAMIC_PRUNE_THRESHOLD_RELAX_RATIO =
      field("dynamic_prune_threshold_relax_ratio", ValueType.number(), 1.25);

  /** DBPrune: blocks that always run, besides the first F and the last B. */
  public static final Key<List<Integer>> NON_PRUNE_BLOCK_IDS =
      field("non_prune_block_ids", ValueType.integersAtLeast(0), List.of());

  /** DBPrune: compare every fourth channel only when there is a calibrator. */
  public static final Key<Boolean> FORCE_REDUCE_CALIBRATOR_VRAM =
      field("force_reduce_calibrator_vram", ValueType.bool(), false);

  /** Forecast: a file with the model's profile; null to look in the usual folders. */
  public static final Key<String> FORECAST_PROFILE =
      field(
          key("forecast_profile", ValueType.text(), null, "--forecast-profile")
              .withHelp(
                  "FILE",
                  "With --cache forecast: the profile. Default: the one in MODEL/profiles or"
                      + " ~/.config/jdit/profiles that fits model, steps and guidance."));

  /** Forecast: steps divided by those that are computed, for a typical picture. */
  public static final Key<Double> FORECAST_SPEEDUP =
      field(
          key("forecast_speedup", ValueType.numberAtLeast(1), 2.0, "--forecast-speedup")
              .withHelp(
                  "X",
                  "With --cache forecast: how many times fewer steps are computed. Default: 2."));

  /** Forecast: what the speed is chosen by in place of {@link #FORECAST_SPEEDUP}. */
  public static final Key<QualityTier> FORECAST_QUALITY =
      field(
          key("forecast_quality", QualityTier.TYPE, null, "--quality")
              .withHelp(
                  "TIER",
                  "Choose the cache by quality: lossless is none; extra-high, high and draft are as"
                      + " fast as 95 % of pictures keep 36, 30 and 25 dB by the model's profile, or"
                      + " cautious settings where it has none."));

  /** What a configuration consists of. */
  public static final Catalog FIELDS = Catalog.of(DECLARED_FIELDS);

  /** What options and variables say; some of it sets several fields. */
  public static final Catalog OPTIONS = Catalog.of(DECLARED_OPTIONS);

  private static <T> Key<T> field(String name, ValueType<T> type, T defaultValue) {
    return field(key(name, type, defaultValue, null));
  }

  private static <T> Key<T> field(Key<T> key) {
    DECLARED_FIELDS.add(key);
    return key.option() == null ? key : option(key);
  }

  private static <T> Key<T> option(Key<T> key) {
    DECLARED_OPTIONS.add(key);
    return key;
  }

  private static <T> Key<T> key(String name, ValueType<T> type, T defaultValue, String option) {
    return Key.of(name, type).withDefault(defaultValue).withOption(option);
  }

  static boolean isField(Key<?> key) {
    return FIELDS.find(key.name()) == key;
  }

  /** True for the choice of the calibrator and everything that only matters with one. */
  static boolean isCalibrator(Key<?> key) {
    return key == CALIBRATOR
        || key == ENABLE_ENCODER_CALIBRATOR
        || key == CALIBRATOR_CACHE_TYPE
        || calibrator(key) != null;
  }

  /** The calibrator that alone reads this field; null for other fields. */
  static CalibratorKind calibrator(Key<?> key) {
    return Arrays.stream(CalibratorKind.values())
        .filter(kind -> key.name().startsWith(kind.text() + "_"))
        .findFirst()
        .orElse(null);
  }

  /** What switches a calibrator on. */
  static Key<Boolean> enabling(CalibratorKind kind) {
    return switch (kind) {
      case TAYLORSEER -> ENABLE_TAYLORSEER;
      case DMD -> ENABLE_DMD;
      case FOCA -> ENABLE_FOCA;
      case NONE -> throw new IllegalArgumentException("nothing to switch on");
    };
  }
}
