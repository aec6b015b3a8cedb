package io.jdit.cache;

import io.jdit.config.ConfigException;
import io.jdit.config.Key;
import io.jdit.config.Layer;
import io.jdit.config.SettingsFile;
import io.jdit.config.Values;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The cache configuration after all layers: the base (library defaults, or the serving profile when
 * caching is merely switched on), then a file or else the environment, then flags. Overrides of a
 * transformer lie over the result, those of a block group over that.
 *
 * @param on false: no caching, whatever the settings say
 * @param layer every field, with where it came from, for example {@code default, file cache.yaml,
 *     env SGLANG_CACHE_DIT_FN, flag --Fn}
 * @param perBlockGroup overrides for the first, second, ... block group
 * @param experts what single transformers have different, by component name
 */
public record ResolvedCacheConfig(
    boolean on,
    Layer layer,
    List<Values> perBlockGroup,
    Map<String, Expert> experts,
    List<String> warnings) {

  /**
   * What one transformer has different.
   *
   * @param file that says so; null for the environment, which is shared by models of one and of two
   *     transformers
   */
  public record Expert(Layer layer, List<Values> perBlockGroup, String file) {}

  /** The component that the variables with SECONDARY are about. */
  static final String SECONDARY = "transformer_2";

  /** SGLang's defaults, which differ from the library's. */
  private static final Values SERVING_PROFILE =
      Values.of(CacheKeys.FN_COMPUTE_BLOCKS, 1)
          .with(CacheKeys.BN_COMPUTE_BLOCKS, 0)
          .with(CacheKeys.MAX_WARMUP_STEPS, 4)
          .with(CacheKeys.RESIDUAL_DIFF_THRESHOLD, 0.24)
          .with(CacheKeys.MAX_CONTINUOUS_CACHED_STEPS, 3);

  public ResolvedCacheConfig {
    perBlockGroup = List.copyOf(perBlockGroup);
    experts = Collections.unmodifiableMap(new LinkedHashMap<>(experts));
    warnings = List.copyOf(warnings);
  }

  /**
   * Puts the layers together.
   *
   * @param file null when none was given
   * @param environment all variables of the process
   * @throws ConfigException when layers contradict each other or a value cannot be used
   */
  public static ResolvedCacheConfig resolve(
      SettingsFile file, Map<String, String> environment, CacheFlags flags) {
    CacheSection section = file == null ? null : CacheSection.of(file);
    CacheEnvironment variables = CacheEnvironment.read(environment);
    List<String> warnings = new ArrayList<>(variables.warnings());
    if (file != null) {
      warnings.addAll(file.warnings());
    }
    if (file != null && flags.given().isSet(CacheKeys.FORECAST_QUALITY)) {
      throw new ConfigException(
          "--quality chooses the cache by itself: leave out --cache-dit-config " + file.name());
    }
    boolean on =
        flags.cache() != null
            ? flags.cache()
            : section != null || Boolean.TRUE.equals(variables.enabled());
    Layer layer = defaults();
    Map<String, Expert> experts = new LinkedHashMap<>();
    if (section != null) {
      warnings.addAll(section.warnings());
      String origin = "file " + file.name();
      layer = Layer.of(section.settings(), origin).over(layer);
      section
          .perTransformer()
          .forEach(
              (name, s) ->
                  experts.put(
                      name,
                      new Expert(Layer.of(s.settings(), origin), s.perBlockGroup(), file.name())));
      if (!variables.tuning().isEmpty()) {
        warnings.add("not applied next to a file: " + String.join(", ", variables.tuning()));
      }
    } else {
      if (on) {
        layer = Layer.of(SERVING_PROFILE, "serving profile").over(layer);
      }
      layer = variables.fields().over(layer);
      if (!variables.secondary().values().isEmpty()) {
        experts.put(SECONDARY, new Expert(variables.secondary(), List.of(), null));
      }
    }
    ResolvedCacheConfig resolved =
        new ResolvedCacheConfig(
            on,
            withFlags(layer, flags, on),
            section == null ? List.of() : section.perBlockGroup(),
            experts,
            warnings);
    resolved.config();
    experts.keySet().forEach(name -> resolved.forExpert(name).config());
    return resolved;
  }

  /** Caching with the library's defaults and {@code settings}. */
  public static ResolvedCacheConfig of(Values settings) {
    Layer layer = Layer.of(settings, "program").over(defaults());
    return new ResolvedCacheConfig(true, layer, List.of(), Map.of(), List.of());
  }

  private static Layer defaults() {
    Values unset = Values.none();
    for (Key<?> key : CacheKeys.FIELDS.keys()) {
      unset = unset.with(key, null);
    }
    return Layer.of(unset, "default");
  }

  private static Layer withFlags(Layer base, CacheFlags flags, boolean on) {
    Layer given = flags.fields();
    if (!on) {
      if (flags.cache() == null && flags.first() != null) {
        throw new ConfigException(
            flags.first() + " needs --cache or a file given with --cache-dit-config");
      }
      return base;
    }
    Layer whole = given.over(base);
    CacheType type = whole.values().get(CacheKeys.CACHE_TYPE);
    for (Key<?> key : given.values().keys()) {
      if (!type.reads(key)) {
        throw new ConfigException(
            given.origins().get(key).replace("flag ", "") + CacheType.whyUnread(key, "--cache "));
      }
    }
    for (Key<?> key : given.values().keys()) {
      CalibratorKind needed = CacheKeys.calibrator(key);
      if (needed != null && whole.values().get(CacheKeys.CALIBRATOR) != needed) {
        throw new ConfigException(key.option() + " needs " + CacheKeys.enabling(needed).option());
      }
    }
    return whole;
  }

  /** True when any transformer has a cache. */
  public boolean enabled() {
    return (on && settings().get(CacheKeys.CACHE_TYPE) != CacheType.NONE)
        || experts.keySet().stream().anyMatch(name -> forExpert(name).enabled());
  }

  /** Every field. */
  public Values settings() {
    return layer.values();
  }

  /** Where each field came from. */
  public Map<Key<?>, String> origins() {
    return layer.origins();
  }

  /** The configuration that block groups without an override share. */
  public CacheConfig config() {
    return CacheConfig.of(settings());
  }

  /**
   * The configuration of a block group.
   *
   * @param index position of the group in the transformer
   */
  public CacheConfig forGroup(int index) {
    return index < perBlockGroup.size()
        ? CacheConfig.of(perBlockGroup.get(index).over(settings()))
        : config();
  }

  /**
   * The configuration of one transformer of the model.
   *
   * @param name of the component, for example {@code transformer_2}
   */
  public ResolvedCacheConfig forExpert(String name) {
    Expert expert = experts.get(name);
    return expert == null
        ? new ResolvedCacheConfig(on, layer, perBlockGroup, Map.of(), warnings)
        : new ResolvedCacheConfig(
            on,
            expert.layer.over(layer),
            expert.perBlockGroup.isEmpty() ? perBlockGroup : expert.perBlockGroup,
            Map.of(),
            warnings);
  }

  /**
   * Checks the names that a file gives to transformers, once the model is known.
   *
   * @param transformers components of the model
   * @throws ConfigException naming one that the model lacks, and those that it has
   */
  public void requireExperts(Collection<String> transformers) {
    experts.forEach(
        (name, expert) -> {
          if (expert.file != null && !transformers.contains(name)) {
            throw new ConfigException(
                "%s: %s.%s: the model has no such transformer, it has %s"
                    .formatted(
                        expert.file,
                        SettingsFile.PER_TRANSFORMER,
                        name,
                        String.join(", ", transformers)));
          }
        });
  }

  /** Settings by name for records of a run; empty without a cache. */
  public Map<String, Object> toMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    if (!enabled()) {
      return map;
    }
    for (Key<?> key : settings().keys()) {
      map.put(key.name(), String.valueOf(settings().get(key)));
    }
    if (!perBlockGroup.isEmpty()) {
      map.put(CacheSection.PER_BLOCK_GROUP, perBlockGroup.stream().map(Values::toString).toList());
    }
    experts.forEach(
        (name, expert) ->
            map.put(
                SettingsFile.PER_TRANSFORMER + "." + name,
                expert.layer.values() + " " + expert.perBlockGroup));
    return map;
  }

  /** Settings, origins and the mask as {@code jdit cache explain} prints them. */
  public String explain(int steps, int callsPerStep) {
    return CacheExplanation.render(this, steps, callsPerStep);
  }
}
