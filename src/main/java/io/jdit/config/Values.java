package io.jdit.config;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Some settings: what a file, the environment, options or a request sets. A key is unset, or set,
 * or set to null, which stands for its default. Immutable.
 */
public final class Values {
  private static final Values NONE = new Values(new LinkedHashMap<>());

  private final Map<Key<?>, Object> map;

  private Values(Map<Key<?>, Object> map) {
    this.map = Collections.unmodifiableMap(map);
  }

  public static Values none() {
    return NONE;
  }

  public static <T> Values of(Key<T> key, T value) {
    return NONE.with(key, value);
  }

  /**
   * These and one more.
   *
   * @throws ConfigException when the value is out of range, naming key, value and range
   */
  public <T> Values with(Key<T> key, T value) {
    return withChecked(key, value == null ? null : key.type().check(value, key.name()));
  }

  /** As {@link #with}, for a value of the key's type that was checked already. */
  public Values withChecked(Key<?> key, Object value) {
    Map<Key<?>, Object> copy = new LinkedHashMap<>(map);
    copy.put(key, value);
    return new Values(copy);
  }

  /** These without one. */
  public Values without(Key<?> key) {
    Map<Key<?>, Object> copy = new LinkedHashMap<>(map);
    copy.remove(key);
    return new Values(copy);
  }

  /** These, and those of {@code base} where these are unset. */
  public Values over(Values base) {
    Map<Key<?>, Object> merged = new LinkedHashMap<>(base.map);
    merged.putAll(map);
    return new Values(merged);
  }

  public boolean isSet(Key<?> key) {
    return map.containsKey(key);
  }

  public boolean isEmpty() {
    return map.isEmpty();
  }

  /** The keys that are set. */
  public Set<Key<?>> keys() {
    return map.keySet();
  }

  /** The value; the key's default where unset or null. */
  @SuppressWarnings("unchecked") // with() is the only way in
  public <T> T get(Key<T> key) {
    Object value = map.get(key);
    return value == null ? key.defaultValue() : (T) value;
  }

  /** The values by name, those that are null left out. */
  public Map<String, Object> byName() {
    Map<String, Object> names = new LinkedHashMap<>();
    map.forEach(
        (key, value) -> {
          if (value != null) {
            names.put(key.name(), value);
          }
        });
    return names;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Values v && map.equals(v.map);
  }

  @Override
  public int hashCode() {
    return map.hashCode();
  }

  @Override
  public String toString() {
    return map.toString();
  }
}
