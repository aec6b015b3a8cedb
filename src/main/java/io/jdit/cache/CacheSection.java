package io.jdit.cache;

import io.jdit.config.ConfigException;
import io.jdit.config.KnownNames;
import io.jdit.config.ValueType;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/** The cache options of a file: the section {@code cache_config}, or one entry of its overrides. */
record CacheSection(CacheSettings settings, List<CacheSettings> perBlockGroup) {
  private static final String PER_BLOCK_GROUP = "per_block_group";
  private static final String TAYLORSEER_CACHE_TYPE = "taylorseer_cache_type";
  private static final String SEPARATE_CFG = CacheField.ENABLE_SEPARATE_CFG.key();

  /** Occurs in public documents of the reference, which ignores it silently. */
  private static final String MISSPELLED_SEPARATE_CFG = "enable_sperate_cfg";

  private static final Set<CalibratorKind> CALIBRATORS =
      EnumSet.complementOf(EnumSet.of(CalibratorKind.NONE));
  private static final Map<String, CacheField> FIELDS = fieldsByKey();
  private static final Set<String> KEYS = keys();

  static boolean knows(String key) {
    return KEYS.contains(key);
  }

  /**
   * @param place file and section, for errors
   */
  static CacheSection read(
      JsonNode node, String place, CacheFile.UnknownKeys unknownKeys, List<String> warnings) {
    Reader reader = new Reader(place, unknownKeys, warnings);
    CacheSettings settings = reader.settings(node, CacheSettings.empty(), false);
    List<CacheSettings> groups = new ArrayList<>();
    JsonNode list = node.get(PER_BLOCK_GROUP);
    if (list != null && !ValueType.isNull(list)) {
      if (!list.isArray()) {
        throw new ConfigException(
            place
                + "."
                + PER_BLOCK_GROUP
                + ": expected a list of maps, found "
                + ValueType.describe(list));
      }
      for (JsonNode entry : list) {
        String entryPlace = place + "." + PER_BLOCK_GROUP + "[" + groups.size() + "]";
        groups.add(new Reader(entryPlace, unknownKeys, warnings).settings(entry, settings, true));
      }
    }
    return new CacheSection(settings, groups);
  }

  private static Map<String, CacheField> fieldsByKey() {
    Map<String, CacheField> fields = new LinkedHashMap<>();
    for (CacheField field : CacheField.values()) {
      if (field != CacheField.CALIBRATOR && field != CacheField.ENABLE_ENCODER_CALIBRATOR) {
        fields.put(field.key(), field);
      }
    }
    return fields;
  }

  private static Set<String> keys() {
    Set<String> keys = new TreeSet<>(FIELDS.keySet());
    keys.add(PER_BLOCK_GROUP);
    keys.add(TAYLORSEER_CACHE_TYPE);
    keys.add(MISSPELLED_SEPARATE_CFG);
    for (CalibratorKind kind : CALIBRATORS) {
      keys.add(enableKey(kind));
      keys.add(encoderKey(kind));
    }
    return keys;
  }

  private static String enableKey(CalibratorKind kind) {
    return "enable_" + kind.text();
  }

  private static String encoderKey(CalibratorKind kind) {
    return "enable_encoder_" + kind.text();
  }

  private record Reader(String place, CacheFile.UnknownKeys unknownKeys, List<String> warnings) {

    /**
     * @param base what an override lies over; empty for the section itself
     */
    CacheSettings settings(JsonNode node, CacheSettings base, boolean override) {
      if (ValueType.isNull(node)) {
        return CacheSettings.empty();
      }
      if (!node.isObject()) {
        throw new ConfigException(
            place + ": expected a map of options, found " + ValueType.describe(node));
      }
      CacheSettings settings = CacheSettings.empty();
      for (var entry : node.properties()) {
        String key = entry.getKey();
        CacheField field = FIELDS.get(key);
        if (field != null) {
          settings = settings.with(field, field.type().read(entry.getValue(), place + "." + key));
        } else if (!KEYS.contains(key) || (override && key.equals(PER_BLOCK_GROUP))) {
          reject(key);
        }
      }
      settings = withMisspelledSeparateCfg(node, settings);
      settings = withCalibrator(node, settings, base);
      check(settings, base, override);
      return settings;
    }

    private void reject(String key) {
      ConfigException unknown = KnownNames.unknown(place, key, KEYS);
      if (unknownKeys == CacheFile.UnknownKeys.REJECT) {
        throw unknown;
      }
      warnings.add(unknown.getMessage());
    }

    private CacheSettings withMisspelledSeparateCfg(JsonNode node, CacheSettings settings) {
      Boolean value = bool(node, MISSPELLED_SEPARATE_CFG);
      if (value == null) {
        return settings;
      }
      Boolean correct = settings.get(CacheField.ENABLE_SEPARATE_CFG);
      if (correct != null && !correct.equals(value)) {
        throw new ConfigException(
            place + ": " + SEPARATE_CFG + " and " + MISSPELLED_SEPARATE_CFG + " differ");
      }
      warnings.add(place + ": read '" + MISSPELLED_SEPARATE_CFG + "' as '" + SEPARATE_CFG + "'");
      return settings.with(CacheField.ENABLE_SEPARATE_CFG, value);
    }

    private CacheSettings withCalibrator(
        JsonNode node, CacheSettings settings, CacheSettings base) {
      CalibratorKind kind = enabledCalibrator(node);
      CacheSettings result = settings;
      if (kind != null) {
        result = result.with(CacheField.CALIBRATOR, kind);
      } else {
        kind = base.get(CacheField.CALIBRATOR);
      }
      for (CalibratorKind other : CALIBRATORS) {
        Boolean encoder = bool(node, encoderKey(other));
        if (encoder == null) {
          continue;
        }
        if (other == kind) {
          result = result.with(CacheField.ENABLE_ENCODER_CALIBRATOR, encoder);
        } else if (encoder) {
          throw new ConfigException(
              place + "." + encoderKey(other) + " needs " + enableKey(other) + ": true");
        }
      }
      // In files the encoder forecast follows enable_dmd, but is off for the other two.
      if (result.isSet(CacheField.CALIBRATOR)
          && kind != CalibratorKind.NONE
          && !result.isSet(CacheField.ENABLE_ENCODER_CALIBRATOR)) {
        result = result.with(CacheField.ENABLE_ENCODER_CALIBRATOR, kind == CalibratorKind.DMD);
      }
      return withTaylorSeerCacheType(node, result);
    }

    /** The calibrator switched on, NONE when one is switched off, null when none is named. */
    private CalibratorKind enabledCalibrator(JsonNode node) {
      CalibratorKind enabled = null;
      for (CalibratorKind kind : CALIBRATORS) {
        Boolean on = bool(node, enableKey(kind));
        if (Boolean.TRUE.equals(on)) {
          if (enabled != null && enabled != CalibratorKind.NONE) {
            throw new ConfigException(
                place
                    + ": "
                    + enableKey(enabled)
                    + " and "
                    + enableKey(kind)
                    + " exclude each other: choose one calibrator");
          }
          enabled = kind;
        } else if (on != null && enabled == null) {
          enabled = CalibratorKind.NONE;
        }
      }
      return enabled;
    }

    private CacheSettings withTaylorSeerCacheType(JsonNode node, CacheSettings settings) {
      JsonNode value = node.get(TAYLORSEER_CACHE_TYPE);
      if (value == null || ValueType.isNull(value)) {
        return settings;
      }
      CacheField field = CacheField.CALIBRATOR_CACHE_TYPE;
      Object kind = field.type().read(value, place + "." + TAYLORSEER_CACHE_TYPE);
      if (settings.isSet(field) && !kind.equals(settings.get(field))) {
        throw new ConfigException(
            place + ": " + TAYLORSEER_CACHE_TYPE + " and " + field.key() + " differ");
      }
      return settings.with(field, kind);
    }

    private Boolean bool(JsonNode node, String key) {
      JsonNode value = node.get(key);
      return value == null ? null : ValueType.bool().read(value, place + "." + key);
    }

    private void check(CacheSettings settings, CacheSettings base, boolean override) {
      if (override && settings.isSet(CacheField.CACHE_TYPE)) {
        throw new ConfigException(
            place + "." + CacheField.CACHE_TYPE.key() + " cannot differ between block groups");
      }
      CacheSettings whole = settings.over(base);
      for (CacheField field : settings.fields()) {
        if (field.isPruneOnly() && whole.get(CacheField.CACHE_TYPE) != CacheType.DBPRUNE) {
          throw new ConfigException(
              place + "." + field.key() + " needs " + CacheField.CACHE_TYPE.key() + ": DBPrune");
        }
      }
      try {
        CacheConfig config = CacheConfig.of(whole);
        if (config.numInferenceSteps() != null) {
          config.forGeneration(config.numInferenceSteps(), 1);
        }
      } catch (IllegalArgumentException e) {
        throw new ConfigException(place + ": " + e.getMessage(), e);
      }
    }
  }
}
