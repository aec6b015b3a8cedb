package io.jdit.cache;

import static io.jdit.cache.CacheKeys.CALIBRATOR;
import static io.jdit.cache.CacheKeys.ENABLE_ENCODER_CALIBRATOR;

import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.KnownNames;
import io.jdit.config.SettingsFile;
import io.jdit.config.UnknownKeys;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/**
 * Reads the fields of a section or of an override.
 *
 * @param place file and key, for errors
 * @param level what stands here
 */
record CacheFields(String place, Level level, UnknownKeys unknownKeys, List<String> warnings) {
  private enum Level {
    MODEL,
    TRANSFORMER,
    BLOCK_GROUP
  }

  private static final String MISSPELLED = CacheKeys.ENABLE_SEPARATE_CFG.aliases().get(0);
  private static final Set<CalibratorKind> CALIBRATORS =
      EnumSet.complementOf(EnumSet.of(CalibratorKind.NONE));
  private static final Set<String> NAMES = names();

  private static Set<String> names() {
    Set<String> names = new TreeSet<>(CacheKeys.FIELDS.names());
    names.removeAll(Set.of(CALIBRATOR.name(), ENABLE_ENCODER_CALIBRATOR.name()));
    names.addAll(Set.of(CacheSection.PER_BLOCK_GROUP, SettingsFile.PER_TRANSFORMER));
    for (CalibratorKind kind : CALIBRATORS) {
      names.add(CacheKeys.enabling(kind).name());
      names.add(kind.encoderKey());
    }
    return names;
  }

  static CacheFields of(String place, UnknownKeys unknownKeys, List<String> warnings) {
    return new CacheFields(place, Level.MODEL, unknownKeys, warnings);
  }

  CacheFields nested(String key) {
    return at(place + "." + key, level);
  }

  CacheFields item(int index) {
    return at(place + "[" + index + "]", Level.BLOCK_GROUP);
  }

  CacheFields transformer(String name) {
    return at(place + "." + name, Level.TRANSFORMER);
  }

  private CacheFields at(String other, Level otherLevel) {
    return new CacheFields(other, otherLevel, unknownKeys, warnings);
  }

  ConfigException expected(String what, JsonNode found) {
    return new ConfigException(
        place + ": expected " + what + ", found " + ValueType.describe(found));
  }

  /**
   * @param base what the fields lie over
   */
  Values read(JsonNode node, Values base) {
    if (ValueType.isNull(node)) {
      return Values.none();
    }
    if (!node.isObject()) {
      throw expected("a map of options", node);
    }
    Values values = Values.none();
    for (var entry : node.properties()) {
      String name = entry.getKey();
      Key<?> key = NAMES.contains(name) ? CacheKeys.FIELDS.find(name) : null;
      if (key != null) {
        values = with(values, key, name, entry.getValue());
      } else if (!isAllowed(name)) {
        unknownKeys.found(KnownNames.unknown(place, name, NAMES), warnings);
      }
    }
    values = withCalibrator(node, values, base);
    check(values, base);
    return values;
  }

  private boolean isAllowed(String name) {
    return switch (name) {
      case SettingsFile.PER_TRANSFORMER -> level == Level.MODEL;
      case CacheSection.PER_BLOCK_GROUP -> level != Level.BLOCK_GROUP;
      default -> NAMES.contains(name);
    };
  }

  private <T> Values with(Values values, Key<T> key, String name, JsonNode node) {
    T value = key.type().read(node, place + "." + name);
    T other = values.get(key);
    if (values.isSet(key)) {
      if (value == null) {
        return values;
      }
      if (other != null && !other.equals(value)) {
        throw new ConfigException(place + ": " + key + " and " + key.aliases().get(0) + " differ");
      }
    }
    if (name.equals(MISSPELLED) && value != null) {
      warnings.add(place + ": read '" + name + "' as '" + key + "'");
    }
    return name.equals(key.name()) || value != null ? values.with(key, value) : values;
  }

  private Values withCalibrator(JsonNode node, Values values, Values base) {
    CalibratorKind kind = enabledCalibrator(node);
    Values result = values;
    if (kind != null) {
      result = result.with(CALIBRATOR, kind);
    } else {
      kind = base.get(CALIBRATOR);
    }
    for (CalibratorKind other : CALIBRATORS) {
      Boolean encoder = bool(node, other.encoderKey());
      if (encoder == null) {
        continue;
      }
      if (other == kind) {
        result = result.with(ENABLE_ENCODER_CALIBRATOR, encoder);
      } else if (encoder) {
        throw new ConfigException(
            place + "." + other.encoderKey() + " needs " + CacheKeys.enabling(other) + ": true");
      }
    }
    // In files the encoder forecast follows enable_dmd, but is off for the other two.
    return result.isSet(CALIBRATOR)
            && kind != CalibratorKind.NONE
            && !result.isSet(ENABLE_ENCODER_CALIBRATOR)
        ? result.with(ENABLE_ENCODER_CALIBRATOR, kind == CalibratorKind.DMD)
        : result;
  }

  /** The calibrator switched on, NONE when one is switched off, null when none is named. */
  private CalibratorKind enabledCalibrator(JsonNode node) {
    List<CalibratorKind> on = new ArrayList<>();
    boolean named = false;
    for (CalibratorKind kind : CALIBRATORS) {
      Boolean value = bool(node, CacheKeys.enabling(kind).name());
      named |= value != null;
      if (Boolean.TRUE.equals(value)) {
        on.add(kind);
      }
    }
    CalibratorKind.requireOne(on, place + ": ", Key::name);
    return !on.isEmpty() ? on.get(0) : named ? CalibratorKind.NONE : null;
  }

  private Boolean bool(JsonNode node, String key) {
    JsonNode value = node.get(key);
    return value == null ? null : ValueType.bool().read(value, place + "." + key);
  }

  private void check(Values values, Values base) {
    if (level == Level.BLOCK_GROUP && values.isSet(CacheKeys.CACHE_TYPE)) {
      throw new ConfigException(
          place + "." + CacheKeys.CACHE_TYPE + " cannot differ between block groups");
    }
    Values whole = values.over(base);
    CacheType type = whole.get(CacheKeys.CACHE_TYPE);
    for (Key<?> key : values.keys()) {
      if (!type.reads(key)) {
        throw new ConfigException(
            place + "." + key + CacheType.whyUnread(key, CacheKeys.CACHE_TYPE + ": "));
      }
    }
    if (whole.get(CacheKeys.FORECAST_QUALITY) != null && whole.isSet(CacheKeys.FORECAST_SPEEDUP)) {
      throw new ConfigException(
          place
              + ": "
              + CacheKeys.FORECAST_QUALITY
              + " and "
              + CacheKeys.FORECAST_SPEEDUP
              + " exclude each other");
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
