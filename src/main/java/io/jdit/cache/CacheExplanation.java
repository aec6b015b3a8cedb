package io.jdit.cache;

import io.jdit.config.Key;
import io.jdit.config.Layer;
import io.jdit.config.Values;
import io.jdit.transformer.Acceleration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A resolved configuration as text for people. */
final class CacheExplanation {
  private CacheExplanation() {}

  static String render(ResolvedCacheConfig resolved, int steps, int callsPerStep) {
    StringBuilder text = new StringBuilder();
    CacheConfig config = resolved.config();
    text.append("cache: ").append(resolved.enabled() ? config.type().text() : "off").append("\n\n");
    append(text, rows(resolved.layer()));
    for (int i = 0; i < resolved.perBlockGroup().size(); i++) {
      Values override = resolved.perBlockGroup().get(i);
      text.append("\nblock group ").append(i).append(" differs in\n");
      append(text, changed(Layer.of(override, "per_block_group[" + i + "]")));
    }
    resolved
        .experts()
        .forEach(
            (name, expert) -> {
              text.append("\n").append(name).append(" differs in\n");
              append(text, changed(expert.layer()));
            });
    appendGeneration(text, resolved, steps, callsPerStep);
    List<String> warnings = new ArrayList<>(resolved.warnings());
    if (resolved.enabled()) {
      warnings.addAll(
          CacheNotes.before(
              resolved, new Acceleration.Outline("transformer", steps, callsPerStep)));
    }
    for (String warning : warnings) {
      text.append("\nwarning: ").append(warning).append('\n');
    }
    return text.toString();
  }

  /** Fields that have an effect, each as key, value, origin. */
  private static List<String[]> rows(Layer layer) {
    Values settings = layer.values();
    CacheType type = settings.get(CacheKeys.CACHE_TYPE);
    CalibratorKind kind = settings.get(CacheKeys.CALIBRATOR);
    List<String[]> rows = new ArrayList<>();
    for (Key<?> key : settings.keys()) {
      CalibratorKind alone = CacheKeys.calibrator(key);
      boolean idle =
          !type.reads(key)
              || (CacheKeys.isCalibrator(key)
                  && key != CacheKeys.CALIBRATOR
                  && kind == CalibratorKind.NONE)
              || (alone != null && alone != kind);
      if (!idle) {
        rows.add(row(layer, key));
      }
    }
    return rows;
  }

  private static List<String[]> changed(Layer layer) {
    return layer.values().keys().stream().map(key -> row(layer, key)).toList();
  }

  private static String[] row(Layer layer, Key<?> key) {
    String value = layer.values().get(key) == null ? "-" : CacheSection.toYaml(layer.values(), key);
    return new String[] {key.name(), value, layer.origins().get(key)};
  }

  private static void append(StringBuilder text, List<String[]> rows) {
    int key = rows.stream().mapToInt(r -> r[0].length()).max().orElse(0);
    int value = rows.stream().mapToInt(r -> r[1].length()).max().orElse(0);
    for (String[] row : rows) {
      text.append(
          String.format(Locale.ROOT, "  %-" + key + "s  %-" + value + "s  %s\n", (Object[]) row));
    }
  }

  private static void appendGeneration(
      StringBuilder text, ResolvedCacheConfig resolved, int steps, int callsPerStep) {
    CacheConfig config = resolved.config().forGeneration(steps, callsPerStep);
    StepMask mask = config.stepsComputationMask();
    text.append('\n').append(steps).append(" steps of ").append(callsPerStep);
    text.append(callsPerStep == 1 ? " call" : " calls");
    text.append(config.separateCfg() ? ", separate state per call\n" : ", one state\n");
    if (config.type() == CacheType.FORECAST) {
      text.append("the steps that are computed follow from the model's profile and the picture\n");
      return;
    }
    if (mask == null) {
      text.append("no step mask");
      if (resolved.settings().get(CacheKeys.STEPS_COMPUTATION_MASK) != null) {
        text.append(": a preset from the environment is not used below ")
            .append(StepMaskSource.LEAST_ENVIRONMENT_STEPS)
            .append(" steps");
      }
      text.append('\n');
    } else {
      int counted = config.numInferenceSteps();
      text.append("mask ").append(mask).append(": ").append(mask.computedWithin(counted));
      text.append(" computed, ").append(counted - mask.computedWithin(counted));
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
