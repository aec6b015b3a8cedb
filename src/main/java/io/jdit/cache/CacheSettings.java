package io.jdit.cache;

import static io.jdit.cache.CacheField.CALIBRATOR;
import static io.jdit.cache.CacheField.CALIBRATOR_CACHE_TYPE;
import static io.jdit.cache.CacheField.ENABLE_ENCODER_CALIBRATOR;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/**
 * Some fields of a cache configuration: what a file, the environment, flags or an override for one
 * block group sets. A field is unset, or set, or set to null, which stands for its default.
 * Immutable.
 */
public final class CacheSettings {
  private static final CacheSettings EMPTY = new CacheSettings(new EnumMap<>(CacheField.class));

  private final Map<CacheField, Object> values;

  private CacheSettings(EnumMap<CacheField, Object> values) {
    this.values = Collections.unmodifiableMap(values);
  }

  public static CacheSettings empty() {
    return EMPTY;
  }

  /**
   * These settings and one more; {@code value} has the type of the field, or is null.
   *
   * @throws io.jdit.config.ConfigException when the value is out of range
   */
  public CacheSettings with(CacheField field, Object value) {
    EnumMap<CacheField, Object> copy = copy();
    copy.put(field, value == null ? null : field.check(value, field.key()));
    return new CacheSettings(copy);
  }

  /** These settings, and those of {@code base} where these are unset. */
  public CacheSettings over(CacheSettings base) {
    EnumMap<CacheField, Object> merged = base.copy();
    merged.putAll(values);
    return new CacheSettings(merged);
  }

  public boolean isSet(CacheField field) {
    return values.containsKey(field);
  }

  public boolean isEmpty() {
    return values.isEmpty();
  }

  /** The fields that are set, in declaration order. */
  public Set<CacheField> fields() {
    return values.keySet();
  }

  /** The value, or the default where unset or null; the caller knows the type. */
  @SuppressWarnings("unchecked")
  public <T> T get(CacheField field) {
    Object value = values.get(field);
    return (T) (value == null ? field.defaultValue() : value);
  }

  /**
   * The fields that are set as a {@code cache_config} section. Keys of another calibrator than the
   * chosen one are left out.
   */
  public String toYaml() {
    StringBuilder yaml = new StringBuilder("cache_config:\n");
    CalibratorKind kind = get(CALIBRATOR);
    for (CacheField field : fields()) {
      if (field == CALIBRATOR) {
        if (kind != CalibratorKind.NONE) {
          line(yaml, "enable_" + kind.text(), "true");
          line(yaml, "enable_encoder_" + kind.text(), get(ENABLE_ENCODER_CALIBRATOR).toString());
        }
      } else if (field != ENABLE_ENCODER_CALIBRATOR
          && (field.calibrator() == null || field.calibrator() == kind)
          && (field != CALIBRATOR_CACHE_TYPE || kind != CalibratorKind.NONE)) {
        line(yaml, field.key(), field.yaml(get(field)));
      }
    }
    return yaml.length() == "cache_config:\n".length() ? "cache_config: {}\n" : yaml.toString();
  }

  private static void line(StringBuilder yaml, String key, String value) {
    yaml.append("  ").append(key).append(": ").append(value).append('\n');
  }

  private EnumMap<CacheField, Object> copy() {
    EnumMap<CacheField, Object> copy = new EnumMap<>(CacheField.class);
    copy.putAll(values);
    return copy;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CacheSettings s && values.equals(s.values);
  }

  @Override
  public int hashCode() {
    return values.hashCode();
  }

  @Override
  public String toString() {
    return values.toString();
  }
}
