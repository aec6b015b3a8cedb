package io.jdit.cache;

import static io.jdit.config.SettingsFile.CACHE;
import static io.jdit.config.SettingsFile.PER_TRANSFORMER;

import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.SettingsFile;
import io.jdit.config.ValueType;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * What a file says of the cache.
 *
 * @param perBlockGroup overrides for the first, second, ... block group of a transformer
 * @param perTransformer what single transformers have different, by component name
 */
public record CacheSection(
    Values settings,
    List<Values> perBlockGroup,
    Map<String, CacheSection> perTransformer,
    List<String> warnings) {
  static final String PER_BLOCK_GROUP = "per_block_group";

  public CacheSection {
    perBlockGroup = List.copyOf(perBlockGroup);
    warnings = List.copyOf(warnings);
  }

  /**
   * Reads the section.
   *
   * @return null when the file does not configure caching
   * @throws ConfigException naming file and key
   */
  public static CacheSection of(SettingsFile file) {
    JsonNode node = file.section(CACHE);
    JsonNode beside = file.section(PER_TRANSFORMER);
    if (node == null && beside == null) {
      return null;
    }
    List<String> warnings = new ArrayList<>();
    var fields = CacheFields.of(file.place(CACHE), file.unknownKeys(), warnings);
    JsonNode section = node == null ? JsonNodeFactory.instance.objectNode() : node;
    CacheSection whole = read(fields, section, Values.none());
    JsonNode inside = given(section.get(PER_TRANSFORMER));
    if (inside != null && given(beside) != null) {
      throw new ConfigException(
          file.place(CACHE) + "." + PER_TRANSFORMER + " stands beside " + CACHE + " too");
    }
    Map<String, CacheSection> transformers = new LinkedHashMap<>();
    if (inside != null) {
      addTransformers(transformers, inside, fields.nested(PER_TRANSFORMER), whole.settings);
    } else if (given(beside) != null) {
      var top = CacheFields.of(file.place(PER_TRANSFORMER), file.unknownKeys(), warnings);
      addTransformers(transformers, beside, top, whole.settings);
    }
    return new CacheSection(whole.settings, whole.perBlockGroup, transformers, warnings);
  }

  private static JsonNode given(JsonNode node) {
    return node == null || ValueType.isNull(node) ? null : node;
  }

  /** Fields and overrides of block groups. */
  private static CacheSection read(CacheFields fields, JsonNode node, Values base) {
    Values settings = fields.read(node, base);
    List<Values> groups = new ArrayList<>();
    JsonNode list = given(node.get(PER_BLOCK_GROUP));
    if (list != null) {
      CacheFields place = fields.nested(PER_BLOCK_GROUP);
      if (!list.isArray()) {
        throw place.expected("a list of maps", list);
      }
      for (JsonNode entry : list) {
        groups.add(place.item(groups.size()).read(entry, settings.over(base)));
      }
    }
    return new CacheSection(settings, groups, Map.of(), List.of());
  }

  private static void addTransformers(
      Map<String, CacheSection> transformers, JsonNode node, CacheFields place, Values base) {
    if (!node.isObject()) {
      throw place.expected("a map from transformers to options", node);
    }
    for (Map.Entry<String, JsonNode> e : node.properties()) {
      transformers.put(e.getKey(), read(place.transformer(e.getKey()), e.getValue(), base));
    }
  }

  /**
   * Settings as a section that is read back as they are. Keys of another calibrator than the chosen
   * one are left out.
   */
  public static String toYaml(Values settings) {
    StringBuilder yaml = new StringBuilder();
    CalibratorKind kind = settings.get(CacheKeys.CALIBRATOR);
    for (Key<?> key : CacheKeys.FIELDS.keys()) {
      if (!settings.isSet(key)) {
        continue;
      }
      if (key == CacheKeys.CALIBRATOR) {
        if (kind != CalibratorKind.NONE) {
          line(yaml, CacheKeys.enabling(kind).name(), "true");
          line(
              yaml,
              kind.encoderKey(),
              settings.get(CacheKeys.ENABLE_ENCODER_CALIBRATOR).toString());
        }
      } else if (key != CacheKeys.ENABLE_ENCODER_CALIBRATOR
          && (CacheKeys.calibrator(key) == null || CacheKeys.calibrator(key) == kind)
          && (key != CacheKeys.CALIBRATOR_CACHE_TYPE || kind != CalibratorKind.NONE)) {
        line(yaml, key.name(), toYaml(settings, key));
      }
    }
    return yaml.isEmpty() ? CACHE + ": {}\n" : CACHE + ":\n" + yaml;
  }

  /** One value as YAML. */
  static <T> String toYaml(Values settings, Key<T> key) {
    return key.type().toYaml(settings.get(key));
  }

  private static void line(StringBuilder yaml, String key, String value) {
    yaml.append("  ").append(key).append(": ").append(value).append('\n');
  }
}
