package io.jdit.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/**
 * A file of settings in Cache-DiT's format, YAML or JSON: a section for each concern, whose keys
 * the concern reads itself; or the keys of {@code cache_config} alone at the top ("flat").
 *
 * @param name path, or what errors call the text
 * @param root the document
 * @param flat whether the document is one section
 * @param unknownKeys what sections do about keys that they do not know
 */
public record SettingsFile(
    String name, JsonNode root, boolean flat, UnknownKeys unknownKeys, List<String> warnings) {
  public static final String CACHE = "cache_config";
  public static final String PARALLELISM = "parallelism_config";
  public static final String ATTENTION = "attention_backend";
  public static final String QUANTIZE = "quantize_config";
  public static final String OFFLOAD = "offload_config";
  public static final String COMPILE = "compile";

  /** What single transformers of a model have different; part of {@link #CACHE}, or beside it. */
  public static final String PER_TRANSFORMER = "per_transformer";

  /** One of these makes a document one of sections. */
  private static final Set<String> SECTIONS =
      new TreeSet<>(Set.of(CACHE, PARALLELISM, ATTENTION, QUANTIZE, OFFLOAD, COMPILE));

  /** Keys that are further from the name of a section than this are not meant to be one. */
  private static final int TYPING_ERRORS = 4;

  public SettingsFile {
    warnings = List.copyOf(warnings);
  }

  /**
   * @throws ConfigException naming the file and key, or line and column
   */
  public static SettingsFile read(Path file) {
    return of(ConfigFile.read(file), file.toString(), UnknownKeys.REJECT);
  }

  /**
   * @throws ConfigException naming {@code name} and the key, or line and column
   */
  public static SettingsFile parse(String text, String name, UnknownKeys unknownKeys) {
    return of(ConfigFile.parse(text, name), name, unknownKeys);
  }

  private static SettingsFile of(JsonNode root, String name, UnknownKeys unknownKeys) {
    if (!root.isObject()) {
      String found = root.isMissingNode() ? "nothing" : ValueType.describe(root);
      throw new ConfigException(name + ": expected keys such as cache_config, found " + found);
    }
    List<String> warnings = new ArrayList<>();
    boolean flat = SECTIONS.stream().noneMatch(root::has);
    if (!flat) {
      for (String key : root.propertyNames()) {
        if (!SECTIONS.contains(key) && !key.equals(PER_TRANSFORMER)) {
          unknownKeys.found(unknown(name, key), warnings);
        }
      }
    }
    return new SettingsFile(name, root, flat, unknownKeys, warnings);
  }

  private static ConfigException unknown(String name, String key) {
    String nearest = KnownNames.nearest(key, SECTIONS);
    return KnownNames.editDistance(key, nearest) <= TYPING_ERRORS
        ? KnownNames.unknown(name, key, SECTIONS)
        : new ConfigException(
            "%s: '%s' is none of the sections %s; next to sections a cache option belongs in %s"
                .formatted(name, key, String.join(", ", SECTIONS), CACHE));
  }

  /** The section as it stands, or null. */
  public JsonNode section(String key) {
    return flat ? key.equals(CACHE) ? root : null : root.get(key);
  }

  /** How errors about a section begin, for example {@code cache.yaml: cache_config}. */
  public String place(String key) {
    return flat ? name : name + ": " + key;
  }

  /**
   * Whether compiled kernels are asked for.
   *
   * @throws ConfigException when it is not a truth value
   */
  public boolean compile() {
    JsonNode node = section(COMPILE);
    if (node == null || ValueType.isNull(node)) {
      return false;
    }
    if (!node.isBoolean()) {
      throw new ConfigException(
          place(COMPILE) + ": expected true or false, found " + ValueType.describe(node));
    }
    return node.booleanValue();
  }

  /**
   * The name of an attention kernel, or null.
   *
   * @throws ConfigException when it is not a text
   */
  public String attentionBackend() {
    JsonNode node = section(ATTENTION);
    if (node == null || ValueType.isNull(node)) {
      return null;
    }
    if (!node.isString()) {
      throw new ConfigException(
          place(ATTENTION) + ": expected a name, found " + ValueType.describe(node));
    }
    return node.stringValue();
  }
}
