package io.jdit.cache;

import io.jdit.config.ConfigException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The cache configuration after all layers: the base (library defaults, or the serving profile when
 * caching is merely switched on), then a file or else the environment, then flags. Overrides of a
 * block group lie over the result.
 *
 * @param enabled false: no caching, whatever the settings say
 * @param settings every field
 * @param origins where each field came from, for example {@code default, file cache.yaml, env
 *     SGLANG_CACHE_DIT_FN, flag --Fn}
 * @param perBlockGroup overrides for the first, second, ... block group
 * @param secondaryOverrides what the second transformer of a pipeline with two has different
 */
public record ResolvedCacheConfig(
    boolean enabled,
    CacheSettings settings,
    Map<CacheField, String> origins,
    List<CacheSettings> perBlockGroup,
    Map<CacheField, String> secondaryOrigins,
    CacheSettings secondaryOverrides,
    List<String> warnings) {

  /** SGLang's defaults, which differ from the library's. */
  static final CacheSettings SERVING_PROFILE =
      CacheSettings.empty()
          .with(CacheField.FN_COMPUTE_BLOCKS, 1)
          .with(CacheField.BN_COMPUTE_BLOCKS, 0)
          .with(CacheField.MAX_WARMUP_STEPS, 4)
          .with(CacheField.RESIDUAL_DIFF_THRESHOLD, 0.24)
          .with(CacheField.MAX_CONTINUOUS_CACHED_STEPS, 3);

  public ResolvedCacheConfig {
    origins = Collections.unmodifiableMap(new EnumMap<>(origins));
    perBlockGroup = List.copyOf(perBlockGroup);
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
      CacheFile file, Map<String, String> environment, CacheFlags flags) {
    return new Layers(file, CacheEnvironment.read(environment), flags).resolve();
  }

  /** The configuration that block groups without an override share. */
  public CacheConfig config() {
    return CacheConfig.of(settings);
  }

  /**
   * The configuration of a block group.
   *
   * @param index position of the group in the transformer
   */
  public CacheConfig forGroup(int index) {
    return index < perBlockGroup.size()
        ? CacheConfig.of(perBlockGroup.get(index).over(settings))
        : config();
  }

  /** The configuration of the second transformer of a pipeline with two. */
  public ResolvedCacheConfig secondary() {
    Map<CacheField, String> merged = new EnumMap<>(origins);
    merged.putAll(secondaryOrigins);
    return new ResolvedCacheConfig(
        enabled,
        secondaryOverrides.over(settings),
        merged,
        perBlockGroup,
        Map.of(),
        CacheSettings.empty(),
        warnings);
  }

  /** Settings, origins and the mask as {@code jdit cache explain} prints them. */
  public String explain(int steps, int callsPerStep) {
    return CacheExplanation.render(this, steps, callsPerStep);
  }

  private static final class Layers {
    private final CacheFile file;
    private final CacheEnvironment environment;
    private final CacheFlags flags;
    private final boolean fileConfigures;
    private final Map<CacheField, String> origins = new EnumMap<>(CacheField.class);
    private CacheSettings settings = CacheSettings.empty();

    Layers(CacheFile file, CacheEnvironment environment, CacheFlags flags) {
      this.file = file;
      this.environment = environment;
      this.flags = flags;
      fileConfigures = file != null && file.settings() != null;
    }

    ResolvedCacheConfig resolve() {
      List<String> warnings = new ArrayList<>(environment.warnings());
      for (CacheField field : CacheField.values()) {
        set(field, null, "default");
      }
      CacheSettings secondary = CacheSettings.empty();
      Map<CacheField, String> secondaryOrigins = new EnumMap<>(CacheField.class);
      if (file != null) {
        warnings.addAll(file.warnings());
      }
      if (fileConfigures) {
        for (CacheField field : file.settings().fields()) {
          set(field, file.settings().get(field), "file " + file.name());
        }
        if (!environment.tuning().isEmpty()) {
          warnings.add("not applied next to a file: " + String.join(", ", environment.tuning()));
        }
      } else {
        if (isOn()) {
          for (CacheField field : SERVING_PROFILE.fields()) {
            set(field, SERVING_PROFILE.get(field), "serving profile");
          }
        }
        for (var setting : environment.settings()) {
          set(setting.field(), setting.value(), "env " + setting.variable());
        }
        for (var setting : environment.secondary()) {
          secondary = secondary.with(setting.field(), setting.value());
          secondaryOrigins.put(setting.field(), "env " + setting.variable());
        }
      }
      boolean on = applyFlags();
      ResolvedCacheConfig resolved =
          new ResolvedCacheConfig(
              on && settings.get(CacheField.CACHE_TYPE) != CacheType.NONE,
              settings,
              origins,
              fileConfigures ? file.perBlockGroup() : List.of(),
              secondaryOrigins,
              secondary,
              warnings);
      resolved.config();
      return resolved;
    }

    private boolean isOn() {
      if (flags.cache() != null) {
        return flags.cache();
      }
      return fileConfigures || Boolean.TRUE.equals(environment.enabled());
    }

    private boolean applyFlags() {
      List<CacheFlags.Setting> given = flags.settings();
      if (!isOn()) {
        if (flags.cache() == null && !given.isEmpty()) {
          throw new ConfigException(
              given.get(0).flag() + " needs --cache or a file given with --cache-dit-config");
        }
        return false;
      }
      for (var setting : given) {
        set(setting.field(), setting.value(), "flag " + setting.flag());
      }
      for (var setting : given) {
        CalibratorKind needed = setting.field().calibrator();
        if (needed != null && settings.get(CacheField.CALIBRATOR) != needed) {
          throw new ConfigException(setting.flag() + " needs --" + needed.text());
        }
      }
      return true;
    }

    private void set(CacheField field, Object value, String origin) {
      settings = settings.with(field, value);
      origins.put(field, origin);
    }
  }
}
