package io.jdit.cache;

import io.jdit.config.ConfigException;
import io.jdit.config.ConfigFile;
import io.jdit.config.KnownNames;
import io.jdit.config.ValueType;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/**
 * A configuration file in Cache-DiT's format, YAML or JSON: sections {@code cache_config,
 * parallelism_config, attention_backend, quantize_config}, or cache options alone at the top
 * ("flat").
 *
 * @param name path, or what errors call the text
 * @param settings what it sets of the cache; null when it does not configure caching
 * @param perBlockGroup overrides for the first, second, ... block group of the transformer
 * @param attentionBackend null when absent
 * @param parallelism the section as it stands, null when absent
 * @param quantize the section as it stands, null when absent
 */
public record CacheFile(
    String name,
    CacheSettings settings,
    List<CacheSettings> perBlockGroup,
    String attentionBackend,
    JsonNode parallelism,
    JsonNode quantize,
    List<String> warnings) {

  /** What to do about keys that nobody knows. */
  public enum UnknownKeys {
    REJECT,
    WARN
  }

  private static final String CACHE = "cache_config";
  private static final String PARALLELISM = "parallelism_config";
  private static final String ATTENTION = "attention_backend";
  private static final String QUANTIZE = "quantize_config";
  private static final Set<String> SECTIONS = Set.of(CACHE, PARALLELISM, ATTENTION, QUANTIZE);

  public CacheFile {
    perBlockGroup = List.copyOf(perBlockGroup);
    warnings = List.copyOf(warnings);
  }

  /**
   * @throws ConfigException naming the file and key, or line and column
   */
  public static CacheFile read(Path file) {
    return of(ConfigFile.read(file), file.toString(), UnknownKeys.REJECT);
  }

  /**
   * @throws ConfigException naming {@code name} and the key, or line and column
   */
  public static CacheFile parse(String text, String name, UnknownKeys unknownKeys) {
    return of(ConfigFile.parse(text, name), name, unknownKeys);
  }

  private static CacheFile of(JsonNode root, String name, UnknownKeys unknownKeys) {
    if (!root.isObject()) {
      String found = root.isMissingNode() ? "nothing" : ValueType.describe(root);
      throw new ConfigException(name + ": expected keys such as cache_config, found " + found);
    }
    List<String> warnings = new ArrayList<>();
    boolean sectioned = SECTIONS.stream().anyMatch(root::has);
    if (sectioned) {
      requireSectionsOnly(root, name, unknownKeys, warnings);
    }
    JsonNode cache = sectioned ? root.get(CACHE) : root;
    CacheSection section =
        cache == null
            ? null
            : CacheSection.read(
                cache, name + (sectioned ? ": " + CACHE : ""), unknownKeys, warnings);
    return new CacheFile(
        name,
        section == null ? null : section.settings(),
        section == null ? List.of() : section.perBlockGroup(),
        attention(root, name),
        root.get(PARALLELISM),
        root.get(QUANTIZE),
        warnings);
  }

  private static void requireSectionsOnly(
      JsonNode root, String name, UnknownKeys unknownKeys, List<String> warnings) {
    for (String key : root.propertyNames()) {
      if (SECTIONS.contains(key)) {
        continue;
      }
      if (CacheSection.knows(key)) {
        throw new ConfigException(
            name
                + ": '"
                + key
                + "' is a cache option; next to other sections it belongs in "
                + CACHE);
      }
      ConfigException unknown = KnownNames.unknown(name, key, SECTIONS);
      if (unknownKeys == UnknownKeys.REJECT) {
        throw unknown;
      }
      warnings.add(unknown.getMessage());
    }
  }

  private static String attention(JsonNode root, String name) {
    JsonNode node = root.get(ATTENTION);
    if (node == null || ValueType.isNull(node)) {
      return null;
    }
    if (!node.isString()) {
      throw new ConfigException(
          name + ": " + ATTENTION + ": expected a name, found " + ValueType.describe(node));
    }
    return node.stringValue();
  }
}
