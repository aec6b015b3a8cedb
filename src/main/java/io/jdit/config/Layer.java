package io.jdit.config;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Values, each with where it came from: a default, a file, a variable, an option. Layers lie over
 * each other. Immutable.
 */
public record Layer(Values values, Map<Key<?>, String> origins) {
  public Layer {
    origins = Collections.unmodifiableMap(new LinkedHashMap<>(origins));
  }

  public static Layer none() {
    return new Layer(Values.none(), Map.of());
  }

  /** Values that have one origin, for example {@code file cache.yaml}. */
  public static Layer of(Values values, String origin) {
    Map<Key<?>, String> origins = new LinkedHashMap<>();
    values.keys().forEach(key -> origins.put(key, origin));
    return new Layer(values, origins);
  }

  /** This layer and one more value. */
  public <T> Layer with(Key<T> key, T value, String origin) {
    return of(Values.of(key, value), origin).over(this);
  }

  /** These values, and those of {@code base} where these are unset. */
  public Layer over(Layer base) {
    Map<Key<?>, String> merged = new LinkedHashMap<>(base.origins);
    merged.putAll(origins);
    return new Layer(values.over(base.values), merged);
  }
}
