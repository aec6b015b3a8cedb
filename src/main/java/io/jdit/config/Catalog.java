package io.jdit.config;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/** Settings that belong together, in the order in which they are shown. */
public final class Catalog {
  private final List<Key<?>> keys;
  private final Map<String, Key<?>> byName = new LinkedHashMap<>();

  private Catalog(List<Key<?>> keys) {
    this.keys = List.copyOf(keys);
    for (Key<?> key : keys) {
      add(key.name(), key);
      key.aliases().forEach(alias -> add(alias, key));
    }
  }

  public static Catalog of(Key<?>... keys) {
    return of(List.of(keys));
  }

  public static Catalog of(List<Key<?>> keys) {
    return new Catalog(keys);
  }

  /** These and more. */
  public Catalog and(Key<?>... more) {
    List<Key<?>> all = new ArrayList<>(keys);
    all.addAll(List.of(more));
    return new Catalog(all);
  }

  private void add(String name, Key<?> key) {
    if (byName.put(name, key) != null) {
      throw new IllegalArgumentException("two keys are called " + name);
    }
  }

  public List<Key<?>> keys() {
    return keys;
  }

  /** Names and aliases. */
  public Set<String> names() {
    return byName.keySet();
  }

  /** The key with this name or alias, or null. */
  public Key<?> find(String name) {
    return byName.get(name);
  }

  /**
   * Reads the properties of an object. Null values are left out.
   *
   * @param place what errors begin with; may be empty
   * @throws ConfigException for an unknown key, naming the nearest known one, a key given twice
   *     under two names, and a value of another type or out of range
   */
  public Values read(JsonNode object, String place) {
    String start = place.isEmpty() ? "" : place + ": ";
    if (!object.isObject()) {
      throw new ConfigException(
          start + "expected keys and values, found " + ValueType.describe(object));
    }
    Values values = Values.none();
    for (Map.Entry<String, JsonNode> e : object.properties()) {
      Key<?> key = find(e.getKey());
      if (key == null) {
        throw new ConfigException(
            start
                + "unknown key '"
                + e.getKey()
                + "'; did you mean '"
                + KnownNames.nearest(e.getKey(), names())
                + "'?");
      }
      Object value = key.type().read(e.getValue(), start + e.getKey());
      if (value == null) {
        continue;
      }
      if (values.isSet(key) && !value.equals(values.get(key))) {
        throw new ConfigException(start + "'" + key + "' is given twice, under two names");
      }
      values = values.withChecked(key, value);
    }
    return values;
  }

  /**
   * Sets a key from the text of an option or variable.
   *
   * @param where names it in errors
   * @throws ConfigException when the text has another form or the value is out of range
   */
  public static Values parse(Values values, Key<?> key, String text, String where) {
    return values.withChecked(key, key.type().parse(text, where));
  }
}
