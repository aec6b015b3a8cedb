package io.jdit.cache;

import io.jdit.config.Catalog;
import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.KnownNames;
import io.jdit.config.Layer;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * The cache variables of the environment: SGLang's {@code SGLANG_CACHE_DIT_*} and the same names
 * with {@code JDIT_CACHE_DIT_*}, which win. An empty variable counts as unset.
 *
 * @param enabled null when no variable says so
 * @param secondary fields of the second transformer of a pipeline with two
 * @param tuning names of the variables that are set, the switch left out
 */
record CacheEnvironment(
    Boolean enabled, Layer fields, Layer secondary, List<String> tuning, List<String> warnings) {
  private static final List<String> PREFIXES = List.of("JDIT_CACHE_DIT_", "SGLANG_CACHE_DIT_");
  private static final String SECONDARY = "SECONDARY_";
  private static final Set<String> NAMES = names();

  private static Set<String> names() {
    Set<String> names = new TreeSet<>();
    for (Key<?> key : CacheKeys.OPTIONS.keys()) {
      if (key.variable() != null) {
        names.add(key.variable());
        if (CacheKeys.isField(key) && key != CacheKeys.STEPS_COMPUTATION_POLICY) {
          names.add(SECONDARY + key.variable());
        }
      }
    }
    names.add(SECONDARY + CacheKeys.ENABLE_TAYLORSEER.variable());
    return names;
  }

  /**
   * @throws ConfigException for a number, preset or policy that cannot be read, naming the variable
   */
  static CacheEnvironment read(Map<String, String> environment) {
    return new Reader(environment).read();
  }

  private static final class Reader {
    private final Map<String, String> environment;
    private final List<String> warnings = new ArrayList<>();

    Reader(Map<String, String> environment) {
      this.environment = environment;
    }

    CacheEnvironment read() {
      String enabled = CacheKeys.CACHE.variable();
      List<String> tuning = new ArrayList<>();
      for (String variable : new TreeSet<>(environment.keySet())) {
        String suffix = suffix(variable);
        if (suffix == null || environment.get(variable).isBlank()) {
          continue;
        }
        if (!NAMES.contains(suffix)) {
          String prefix = variable.substring(0, variable.length() - suffix.length());
          warnings.add(
              "unknown variable %s is ignored; did you mean %s%s?"
                  .formatted(variable, prefix, KnownNames.nearest(suffix, NAMES)));
        } else if (!suffix.equals(enabled)) {
          tuning.add(variable);
        }
      }
      return new CacheEnvironment(
          bool(enabled), mask().over(fields("")), fields(SECONDARY), tuning, warnings);
    }

    private static String suffix(String variable) {
      for (String prefix : PREFIXES) {
        if (variable.startsWith(prefix)) {
          return variable.substring(prefix.length());
        }
      }
      return null;
    }

    /** The name of the variable that decides about {@code suffix}, or null. */
    private String variable(String suffix) {
      for (String prefix : PREFIXES) {
        String value = environment.get(prefix + suffix);
        if (value != null && !value.isBlank()) {
          return prefix + suffix;
        }
      }
      return null;
    }

    /** What variables set that stand for one field, and TaylorSeer. */
    private Layer fields(String prefix) {
      Layer layer = Layer.none();
      for (Key<?> key : CacheKeys.FIELDS.keys()) {
        String suffix = key.variable() == null ? "" : prefix + key.variable();
        String variable = NAMES.contains(suffix) ? variable(suffix) : null;
        if (variable != null) {
          Values value = Catalog.parse(Values.none(), key, environment.get(variable), variable);
          layer = Layer.of(value, "env " + variable).over(layer);
        }
      }
      String suffix = prefix + CacheKeys.ENABLE_TAYLORSEER.variable();
      Boolean on = bool(suffix);
      if (on == null) {
        return layer;
      }
      String origin = "env " + variable(suffix);
      return layer
          .with(CacheKeys.CALIBRATOR, on ? CalibratorKind.TAYLORSEER : CalibratorKind.NONE, origin)
          .with(CacheKeys.ENABLE_ENCODER_CALIBRATOR, true, origin);
    }

    private Boolean bool(String suffix) {
      String variable = variable(suffix);
      if (variable == null) {
        return null;
      }
      return switch (environment.get(variable).strip().toLowerCase(Locale.ROOT)) {
        case "true", "1" -> true;
        case "false", "0" -> false;
        default -> {
          warnings.add(
              "%s='%s' is not true or false: read as false"
                  .formatted(variable, environment.get(variable)));
          yield false;
        }
      };
    }

    private Layer mask() {
      String computeBins = CacheKeys.SCM_COMPUTE_BINS.variable();
      String cacheBins = CacheKeys.SCM_CACHE_BINS.variable();
      String compute = variable(computeBins);
      String cache = variable(cacheBins);
      if (compute != null && cache != null) {
        return bins(compute, cache);
      }
      if (compute != null || cache != null) {
        warnings.add(
            "%s is ignored: %s and %s need each other"
                .formatted(compute == null ? cache : compute, computeBins, cacheBins));
      }
      String preset = variable(CacheKeys.SCM.variable());
      return preset == null || environment.get(preset).strip().equals("none")
          ? Layer.none()
          : mask(preset(preset), preset);
    }

    private static Layer mask(StepMaskSource source, String variable) {
      return Layer.none().with(CacheKeys.STEPS_COMPUTATION_MASK, source, "env " + variable);
    }

    private StepMaskSource preset(String variable) {
      try {
        return new StepMaskSource.Preset(MaskPreset.parse(environment.get(variable).strip()), true);
      } catch (IllegalArgumentException e) {
        throw new ConfigException(variable + ": " + e.getMessage(), e);
      }
    }

    private Layer bins(String compute, String cache) {
      ValueType<List<Integer>> bins = CacheKeys.SCM_COMPUTE_BINS.type();
      try {
        return mask(
            new StepMaskSource.Bins(
                bins.parse(environment.get(compute), compute),
                bins.parse(environment.get(cache), cache)),
            compute);
      } catch (ConfigException e) {
        warnings.add(e.getMessage() + ": no mask is used");
        return Layer.none();
      }
    }
  }
}
