package io.jdit.parallel;

import io.jdit.config.Catalog;
import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.KnownNames;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * Reads the section {@code parallelism_config} of a configuration file in Cache-DiT's format. Short
 * names of the sizes and the older nesting {@code parallel_kwargs} are accepted; {@code dp_size}
 * and {@code cfg_parallel} are JDiT's own.
 */
public final class ParallelSection {
  /** In files only: as options they would be too short. */
  private static final Map<String, String> OLDER_NAMES =
      Map.of(
          "ulysses", "ulysses_size",
          "ring", "ring_size",
          "tp", "tp_size",
          "experimental_ulysses_anything", "ulysses_anything",
          "experimental_ulysses_float8", "ulysses_float8",
          "experimental_ulysses_async", "ulysses_async");

  // Cache-DiT's own, of which one value is as good as none.
  private static final Key<String> ROTATE_METHOD = Key.of("ring_rotate_method", ValueType.text());
  private static final Key<Boolean> MERGE_IN_FLOAT32 =
      Key.of("ring_convert_to_fp32", ValueType.bool());
  private static final Key<Boolean> USE_RAY = Key.of("use_ray", ValueType.bool());
  private static final Key<String> PLAN =
      Key.of("cp_plan", ValueType.of("a plan", JsonNode::toString, text -> text, text -> text));

  private static final Catalog KEYS =
      Catalog.of(
          ParallelKeys.ULYSSES,
          ParallelKeys.RING,
          ParallelKeys.TP,
          ParallelKeys.DP,
          ParallelKeys.CFG_PARALLEL,
          ParallelKeys.BACKEND,
          ParallelKeys.ATTENTION_BACKEND,
          ParallelKeys.ANYTHING,
          ParallelKeys.FLOAT8,
          ParallelKeys.ASYNC,
          ParallelKeys.MODULES,
          ROTATE_METHOD,
          MERGE_IN_FLOAT32,
          PLAN,
          USE_RAY);

  private ParallelSection() {}

  /**
   * @param section an object; null or a null node give no settings
   * @param place what errors begin with, for example {@code parallel.yaml: parallelism_config}
   * @throws ConfigException naming the place and the key
   */
  public static Values read(JsonNode section, String place) {
    if (section == null || section.isNull() || section.isMissingNode()) {
      return Values.none();
    }
    Values values = read(section, place, Values.none());
    if (Boolean.TRUE.equals(values.get(USE_RAY))) {
      throw new ConfigException(place + ": use_ray is not supported: start with --num-gpus N");
    }
    if (values.isSet(PLAN)) {
      throw new ConfigException(
          place + ": cp_plan is not supported: every model brings its own, remove the key");
    }
    String method = values.get(ROTATE_METHOD);
    if (method != null && !method.equals("p2p")) {
      throw new ConfigException(
          place + ": ring_rotate_method '" + method + "' is not supported, only p2p is");
    }
    return values.without(ROTATE_METHOD).without(MERGE_IN_FLOAT32).without(USE_RAY);
  }

  private static Values read(JsonNode object, String place, Values before) {
    if (!object.isObject()) {
      throw new ConfigException(place + ": expected keys such as ulysses_size, found " + object);
    }
    Values values = before;
    for (Map.Entry<String, JsonNode> e : object.properties()) {
      Key<?> key = KEYS.find(OLDER_NAMES.getOrDefault(e.getKey(), e.getKey()));
      if (e.getKey().equals("parallel_kwargs")) {
        values = read(e.getValue(), place, values);
      } else if (key != null) {
        values = with(values, key, e.getValue(), place);
      } else if (!e.getKey().startsWith("ray_")) {
        throw KnownNames.unknown(place, e.getKey(), KEYS.names());
      }
    }
    return values;
  }

  private static <T> Values with(Values values, Key<T> key, JsonNode node, String place) {
    if (ValueType.isNull(node)) {
      return values;
    }
    T value = key.type().readOrNull(node);
    if (value == null) {
      throw new ConfigException(
          place + ": " + key + " is " + node + ", expected " + key.type().expected());
    }
    if (values.isSet(key) && !value.equals(values.get(key))) {
      throw new ConfigException(
          place + ": " + key + " is given twice, as " + values.get(key) + " and as " + node);
    }
    return values.with(key, value);
  }
}
