package io.jdit.cache;

import io.jdit.config.ConfigException;
import io.jdit.config.ValueType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The cache options of the command line; null where one was not given.
 *
 * @param cache true for {@code --cache}, false for {@code --no-cache}
 * @param scm preset name, or {@code none} for no mask
 */
public record CacheFlags(
    Boolean cache,
    Integer fn,
    Integer bn,
    Double rdt,
    Integer warmupSteps,
    Integer warmupInterval,
    Integer maxCachedSteps,
    Integer maxContinuousCachedSteps,
    Boolean taylorseer,
    Integer taylorseerOrder,
    Boolean dmd,
    Boolean foca,
    String scm,
    List<Integer> scmComputeBins,
    List<Integer> scmCacheBins,
    String scmPolicy,
    Boolean prune) {

  /** A value and the flag that it came from. */
  record Setting(CacheField field, Object value, String flag) {}

  /** No option given. */
  public static CacheFlags none() {
    return new CacheFlags(
        null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
        null, null);
  }

  /**
   * The fields that the options set.
   *
   * @throws ConfigException for values out of range and options that exclude each other
   */
  List<Setting> settings() {
    Map<String, Setting> byFlag = new LinkedHashMap<>();
    put(byFlag, CacheField.FN_COMPUTE_BLOCKS, fn, "--Fn");
    put(byFlag, CacheField.BN_COMPUTE_BLOCKS, bn, "--Bn");
    put(byFlag, CacheField.RESIDUAL_DIFF_THRESHOLD, rdt, "--rdt");
    put(byFlag, CacheField.MAX_WARMUP_STEPS, warmupSteps, "--warmup-steps");
    put(byFlag, CacheField.WARMUP_INTERVAL, warmupInterval, "--warmup-interval");
    put(byFlag, CacheField.MAX_CACHED_STEPS, maxCachedSteps, "--max-cached-steps");
    put(
        byFlag,
        CacheField.MAX_CONTINUOUS_CACHED_STEPS,
        maxContinuousCachedSteps,
        "--max-continuous-cached-steps");
    if (Boolean.TRUE.equals(prune)) {
      put(byFlag, CacheField.CACHE_TYPE, CacheType.DBPRUNE, "--prune");
    }
    List<Setting> settings = new ArrayList<>(byFlag.values());
    addCalibrator(settings);
    addMask(settings);
    return settings;
  }

  private static void put(
      Map<String, Setting> byFlag, CacheField field, Object value, String flag) {
    if (value != null) {
      byFlag.put(flag, new Setting(field, field.check(value, flag), flag));
    }
  }

  private void addCalibrator(List<Setting> settings) {
    List<CalibratorKind> chosen = new ArrayList<>();
    if (Boolean.TRUE.equals(taylorseer)) {
      chosen.add(CalibratorKind.TAYLORSEER);
    }
    if (Boolean.TRUE.equals(dmd)) {
      chosen.add(CalibratorKind.DMD);
    }
    if (Boolean.TRUE.equals(foca)) {
      chosen.add(CalibratorKind.FOCA);
    }
    if (chosen.size() > 1) {
      throw new ConfigException(
          "--"
              + chosen.get(0).text()
              + " and --"
              + chosen.get(1).text()
              + " exclude each other: choose one calibrator");
    }
    for (CalibratorKind kind : chosen) {
      String flag = "--" + kind.text();
      settings.add(new Setting(CacheField.CALIBRATOR, kind, flag));
      settings.add(new Setting(CacheField.ENABLE_ENCODER_CALIBRATOR, true, flag));
    }
    if (taylorseerOrder != null) {
      String flag = "--taylorseer-order";
      CacheField field = CacheField.TAYLORSEER_ORDER;
      settings.add(new Setting(field, field.check(taylorseerOrder, flag), flag));
    }
  }

  private void addMask(List<Setting> settings) {
    CacheField field = CacheField.STEPS_COMPUTATION_MASK;
    if ((scmComputeBins == null) != (scmCacheBins == null)) {
      throw new ConfigException("--scm-compute-bins and --scm-cache-bins need each other");
    }
    if (scmComputeBins != null) {
      if (scm != null) {
        throw new ConfigException("--scm and --scm-compute-bins exclude each other");
      }
      requireBins(scmComputeBins, "--scm-compute-bins");
      requireBins(scmCacheBins, "--scm-cache-bins");
      var bins = new StepMaskSource.Bins(scmComputeBins, scmCacheBins);
      settings.add(new Setting(field, bins, "--scm-compute-bins"));
    } else if ("none".equals(scm)) {
      settings.add(new Setting(field, null, "--scm"));
    } else if (scm != null) {
      settings.add(new Setting(field, StepMaskSource.TYPE.parse(scm, "--scm"), "--scm"));
    }
    if (scmPolicy != null) {
      String flag = "--scm-policy";
      CacheField policy = CacheField.STEPS_COMPUTATION_POLICY;
      settings.add(new Setting(policy, policy.type().parse(scmPolicy, flag), flag));
    }
  }

  private static void requireBins(List<Integer> bins, String flag) {
    ValueType.integersAtLeast(0).check(bins, flag);
  }
}
