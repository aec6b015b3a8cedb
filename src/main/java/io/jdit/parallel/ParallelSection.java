package io.jdit.parallel;

import io.jdit.config.ConfigException;
import io.jdit.config.KnownNames;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * Reads the section {@code parallelism_config} of a configuration file in Cache-DiT's format. Short
 * names of the sizes and the older nesting {@code parallel_kwargs} are accepted; {@code dp_size}
 * and {@code cfg_parallel} are JDiT's own.
 */
public final class ParallelSection {
  private static final Map<String, String> ALIASES =
      Map.of(
          "ulysses", "ulysses_size",
          "ring", "ring_size",
          "tp", "tp_size",
          "dp", "dp_size",
          "experimental_ulysses_anything", "ulysses_anything",
          "experimental_ulysses_float8", "ulysses_float8",
          "experimental_ulysses_async", "ulysses_async");
  private static final Set<String> KEYS =
      Set.of(
          "ulysses_size",
          "ring_size",
          "tp_size",
          "dp_size",
          "cfg_parallel",
          "backend",
          "attention_backend",
          "ulysses_anything",
          "ulysses_float8",
          "ulysses_async",
          "ring_rotate_method",
          "ring_convert_to_fp32",
          "extra_parallel_modules",
          "cp_plan",
          "use_ray");
  private static final List<String> BACKENDS =
      List.of("auto", "cache_dit", "native_diffuser", "native_pytorch", "native_hybrid");
  private static final Set<String> MODULES =
      Set.of(ParallelConfig.TEXT_ENCODER, ParallelConfig.VAE, ParallelConfig.CONTROLNET);

  private final String place;
  private final Map<String, JsonNode> values = new LinkedHashMap<>();

  private ParallelSection(String place) {
    this.place = place;
  }

  /**
   * @param section an object; null or a null node give no settings
   * @param place what errors begin with, for example {@code parallel.yaml: parallelism_config}
   * @throws ConfigException naming the place and the key
   */
  public static ParallelSettings read(JsonNode section, String place) {
    if (section == null || section.isNull() || section.isMissingNode()) {
      return ParallelSettings.NONE;
    }
    ParallelSection s = new ParallelSection(place);
    s.collect(section);
    return s.settings();
  }

  private void collect(JsonNode object) {
    if (!object.isObject()) {
      throw new ConfigException(place + ": expected keys such as ulysses_size, found " + object);
    }
    for (Map.Entry<String, JsonNode> e : object.properties()) {
      String key = ALIASES.getOrDefault(e.getKey(), e.getKey());
      if (key.equals("parallel_kwargs")) {
        collect(e.getValue());
      } else if (KEYS.contains(key)) {
        JsonNode before = values.put(key, e.getValue());
        if (before != null && !before.equals(e.getValue())) {
          throw new ConfigException(
              place + ": " + key + " is given twice, as " + before + " and as " + e.getValue());
        }
      } else if (!key.startsWith("ray_")) {
        throw KnownNames.unknown(place, e.getKey(), KEYS);
      }
    }
  }

  private ParallelSettings settings() {
    if (Boolean.TRUE.equals(flag("use_ray"))) {
      throw new ConfigException(place + ": use_ray is not supported: start with --num-gpus N");
    }
    if (given("cp_plan") != null) {
      throw new ConfigException(
          place + ": cp_plan is not supported: every model brings its own, remove the key");
    }
    String method = text("ring_rotate_method");
    if (method != null && !method.equals("p2p")) {
      throw new ConfigException(
          place + ": ring_rotate_method '" + method + "' is not supported, only p2p is");
    }
    flag("ring_convert_to_fp32");
    return new ParallelSettings(
        size("ulysses_size"),
        size("ring_size"),
        size("tp_size"),
        replicas(),
        flag("cfg_parallel"),
        flag("ulysses_anything"),
        flag("ulysses_float8"),
        flag("ulysses_async"),
        backend(),
        text("attention_backend"),
        modules());
  }

  private JsonNode given(String key) {
    JsonNode node = values.get(key);
    return node == null || node.isNull() ? null : node;
  }

  private Integer size(String key) {
    JsonNode node = given(key);
    if (node == null) {
      return null;
    }
    if (node.isString() && node.asString().equalsIgnoreCase("auto")) {
      return ParallelSettings.AUTO;
    }
    if (!node.isIntegralNumber() || !node.canConvertToInt() || node.asInt() < 1) {
      throw wrong(key, node, "a number >= 1 or auto");
    }
    return node.asInt();
  }

  private Integer replicas() {
    Integer size = size("dp_size");
    if (size != null && size == ParallelSettings.AUTO) {
      throw wrong("dp_size", given("dp_size"), "a number >= 1");
    }
    return size;
  }

  private Boolean flag(String key) {
    JsonNode node = given(key);
    if (node != null && !node.isBoolean()) {
      throw wrong(key, node, "true or false");
    }
    return node == null ? null : node.asBoolean();
  }

  private String text(String key) {
    JsonNode node = given(key);
    if (node != null && !node.isString()) {
      throw wrong(key, node, "a name");
    }
    return node == null ? null : node.asString();
  }

  private String backend() {
    String name = text("backend");
    if (name == null) {
      return null;
    }
    String lower = name.toLowerCase(Locale.ROOT);
    if (!BACKENDS.contains(lower)) {
      throw wrong("backend", given("backend"), "one of " + BACKENDS);
    }
    return lower;
  }

  private Set<String> modules() {
    JsonNode list = given("extra_parallel_modules");
    if (list == null) {
      return null;
    }
    if (!list.isArray()) {
      throw wrong("extra_parallel_modules", list, "a list");
    }
    Set<String> names = new LinkedHashSet<>();
    for (JsonNode n : list) {
      if (!n.isString() || !MODULES.contains(n.asString())) {
        throw wrong("extra_parallel_modules", n, "one of " + MODULES.stream().sorted().toList());
      }
      names.add(n.asString());
    }
    return Collections.unmodifiableSet(names);
  }

  private ConfigException wrong(String key, JsonNode found, String expected) {
    return new ConfigException(place + ": " + key + " is " + found + ", expected " + expected);
  }
}
