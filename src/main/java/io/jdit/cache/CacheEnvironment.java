package io.jdit.cache;

import io.jdit.config.ConfigException;
import io.jdit.config.KnownNames;
import io.jdit.config.ValueType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
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
 * @param settings fields with the variable each came from
 * @param secondary the same for the second transformer of a pipeline with two
 * @param tuning names of the variables that are set, the switch left out
 */
record CacheEnvironment(
    Boolean enabled,
    List<Setting> settings,
    List<Setting> secondary,
    List<String> tuning,
    List<String> warnings) {

  /** A value and the variable that it came from. */
  record Setting(CacheField field, Object value, String variable) {}

  private static final List<String> PREFIXES = List.of("JDIT_CACHE_DIT_", "SGLANG_CACHE_DIT_");
  private static final String ENABLED = "ENABLED";
  private static final String SECONDARY = "SECONDARY_";
  private static final String TAYLORSEER = "TAYLORSEER";
  private static final String SCM_PRESET = "SCM_PRESET";
  private static final String SCM_COMPUTE_BINS = "SCM_COMPUTE_BINS";
  private static final String SCM_CACHE_BINS = "SCM_CACHE_BINS";

  private static final Map<String, CacheField> NUMBERS = numbers();
  private static final Set<String> NAMES = names();

  private static Map<String, CacheField> numbers() {
    Map<String, CacheField> fields = new LinkedHashMap<>();
    fields.put("FN", CacheField.FN_COMPUTE_BLOCKS);
    fields.put("BN", CacheField.BN_COMPUTE_BLOCKS);
    fields.put("WARMUP", CacheField.MAX_WARMUP_STEPS);
    fields.put("RDT", CacheField.RESIDUAL_DIFF_THRESHOLD);
    // SGLang's MC limits continuous steps, not the total as the letters suggest.
    fields.put("MC", CacheField.MAX_CONTINUOUS_CACHED_STEPS);
    fields.put("TS_ORDER", CacheField.TAYLORSEER_ORDER);
    return fields;
  }

  private static Set<String> names() {
    Set<String> names = new TreeSet<>(Set.of(ENABLED, TAYLORSEER));
    names.addAll(Set.of(SCM_PRESET, SCM_COMPUTE_BINS, SCM_CACHE_BINS, "SCM_POLICY"));
    names.addAll(NUMBERS.keySet());
    NUMBERS.keySet().forEach(name -> names.add(SECONDARY + name));
    names.add(SECONDARY + TAYLORSEER);
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
      List<String> tuning = new ArrayList<>();
      for (String variable : new TreeSet<>(environment.keySet())) {
        String suffix = suffix(variable);
        if (suffix == null || environment.get(variable).isBlank()) {
          continue;
        }
        if (!NAMES.contains(suffix)) {
          String prefix = variable.substring(0, variable.length() - suffix.length());
          warnings.add(
              "unknown variable "
                  + variable
                  + " is ignored; did you mean "
                  + prefix
                  + KnownNames.nearest(suffix, NAMES)
                  + "?");
        } else if (!suffix.equals(ENABLED)) {
          tuning.add(variable);
        }
      }
      List<Setting> settings = settings("");
      addMask(settings);
      return new CacheEnvironment(bool(ENABLED), settings, settings(SECONDARY), tuning, warnings);
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

    private List<Setting> settings(String prefix) {
      List<Setting> settings = new ArrayList<>();
      NUMBERS.forEach(
          (suffix, field) -> {
            String variable = variable(prefix + suffix);
            if (variable != null) {
              Object value = field.type().parse(environment.get(variable), variable);
              settings.add(new Setting(field, value, variable));
            }
          });
      Boolean taylorSeer = bool(prefix + TAYLORSEER);
      if (taylorSeer != null) {
        String variable = variable(prefix + TAYLORSEER);
        CalibratorKind kind = taylorSeer ? CalibratorKind.TAYLORSEER : CalibratorKind.NONE;
        settings.add(new Setting(CacheField.CALIBRATOR, kind, variable));
        settings.add(new Setting(CacheField.ENABLE_ENCODER_CALIBRATOR, true, variable));
      }
      return settings;
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
              variable
                  + "='"
                  + environment.get(variable)
                  + "' is not true or false: read as false");
          yield false;
        }
      };
    }

    private void addMask(List<Setting> settings) {
      String policy = variable("SCM_POLICY");
      if (policy != null) {
        CacheField field = CacheField.STEPS_COMPUTATION_POLICY;
        settings.add(
            new Setting(field, field.type().parse(environment.get(policy), policy), policy));
      }
      String compute = variable(SCM_COMPUTE_BINS);
      String cache = variable(SCM_CACHE_BINS);
      if (compute != null && cache != null) {
        addBins(settings, compute, cache);
        return;
      }
      if (compute != null || cache != null) {
        warnings.add(
            (compute == null ? cache : compute)
                + " is ignored: "
                + SCM_COMPUTE_BINS
                + " and "
                + SCM_CACHE_BINS
                + " need each other");
      }
      String preset = variable(SCM_PRESET);
      if (preset != null && !environment.get(preset).strip().equals("none")) {
        settings.add(new Setting(CacheField.STEPS_COMPUTATION_MASK, preset(preset), preset));
      }
    }

    private StepMaskSource preset(String variable) {
      try {
        return new StepMaskSource.Preset(MaskPreset.parse(environment.get(variable).strip()), true);
      } catch (IllegalArgumentException e) {
        throw new ConfigException(variable + ": " + e.getMessage(), e);
      }
    }

    private void addBins(List<Setting> settings, String compute, String cache) {
      var bins = ValueType.integersAtLeast(0);
      try {
        var source =
            new StepMaskSource.Bins(
                bins.parse(environment.get(compute), compute),
                bins.parse(environment.get(cache), cache));
        settings.add(new Setting(CacheField.STEPS_COMPUTATION_MASK, source, compute));
      } catch (ConfigException e) {
        warnings.add(e.getMessage() + ": no mask is used");
      }
    }
  }
}
