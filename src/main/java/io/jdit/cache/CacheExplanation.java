package io.jdit.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A resolved configuration as text for people. */
final class CacheExplanation {
  private CacheExplanation() {}

  static String render(ResolvedCacheConfig resolved, int steps, int callsPerStep) {
    StringBuilder text = new StringBuilder();
    CacheConfig config = resolved.config();
    text.append("cache: ").append(resolved.enabled() ? config.type().text() : "off").append("\n\n");
    append(text, rows(resolved.settings(), resolved.origins()));
    for (int i = 0; i < resolved.perBlockGroup().size(); i++) {
      CacheSettings override = resolved.perBlockGroup().get(i);
      text.append("\nblock group ").append(i).append(" differs in\n");
      append(text, changed(override, "per_block_group[" + i + "]"));
    }
    if (!resolved.secondaryOverrides().isEmpty()) {
      text.append("\nsecond transformer differs in\n");
      append(text, rows(resolved.secondaryOverrides(), resolved.secondaryOrigins()));
    }
    appendGeneration(text, resolved, steps, callsPerStep);
    for (String warning : resolved.warnings()) {
      text.append("\nwarning: ").append(warning).append('\n');
    }
    return text.toString();
  }

  /** Fields that have an effect, each as key, value, origin. */
  private static List<String[]> rows(CacheSettings settings, Map<CacheField, String> origins) {
    CacheType type = settings.get(CacheField.CACHE_TYPE);
    CalibratorKind kind = settings.get(CacheField.CALIBRATOR);
    List<String[]> rows = new ArrayList<>();
    for (CacheField field : settings.fields()) {
      boolean idle =
          (field.isPruneOnly() && type != CacheType.DBPRUNE)
              || (field.isCalibrator()
                  && field != CacheField.CALIBRATOR
                  && kind == CalibratorKind.NONE)
              || (field.calibrator() != null && field.calibrator() != kind);
      if (!idle) {
        rows.add(row(settings, field, origins.get(field)));
      }
    }
    return rows;
  }

  private static List<String[]> changed(CacheSettings settings, String origin) {
    List<String[]> rows = new ArrayList<>();
    for (CacheField field : settings.fields()) {
      rows.add(row(settings, field, origin));
    }
    return rows;
  }

  private static String[] row(CacheSettings settings, CacheField field, String origin) {
    Object value = settings.get(field);
    return new String[] {field.key(), value == null ? "-" : field.yaml(value), origin};
  }

  private static void append(StringBuilder text, List<String[]> rows) {
    int key = rows.stream().mapToInt(r -> r[0].length()).max().orElse(0);
    int value = rows.stream().mapToInt(r -> r[1].length()).max().orElse(0);
    for (String[] row : rows) {
      text.append(String.format("  %-" + key + "s  %-" + value + "s  %s\n", (Object[]) row));
    }
  }

  private static void appendGeneration(
      StringBuilder text, ResolvedCacheConfig resolved, int steps, int callsPerStep) {
    CacheConfig config = resolved.config().forGeneration(steps, callsPerStep);
    StepMask mask = config.stepsComputationMask();
    text.append('\n').append(steps).append(" steps of ").append(callsPerStep);
    text.append(callsPerStep == 1 ? " call" : " calls");
    text.append(config.separateCfg() ? ", separate state per call\n" : ", one state\n");
    if (mask == null) {
      text.append("no step mask");
      if (resolved.settings().get(CacheField.STEPS_COMPUTATION_MASK) != null) {
        text.append(": a preset from the environment is not used below ")
            .append(StepMaskSource.LEAST_ENVIRONMENT_STEPS)
            .append(" steps");
      }
      text.append('\n');
    } else {
      text.append("mask ").append(mask).append(": ").append(mask.computedWithin(steps));
      text.append(" computed, ").append(steps - mask.computedWithin(steps));
      text.append(
          config.stepsComputationPolicy() == StepsPolicy.STATIC
              ? " from the cache\n"
              : " possibly from the cache\n");
    }
    if (resolved.enabled()) {
      text.append("tag ").append(CacheTag.of(config, null, null)).append('\n');
    }
  }
}
