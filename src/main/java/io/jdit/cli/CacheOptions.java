package io.jdit.cli;

import io.jdit.cache.CacheFlags;
import io.jdit.cache.CacheKeys;
import io.jdit.cache.ResolvedCacheConfig;
import io.jdit.config.SettingsFile;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Options of the block cache, layered over a file or the environment. */
final class CacheOptions {
  @Option(
      names = "--cache-dit-config",
      paramLabel = "FILE",
      description = "Cache settings as cache-dit's YAML or JSON; switches caching on.")
  Path config;

  private final CatalogOptions flags = new CatalogOptions();

  @Spec
  void declare(CommandSpec spec) {
    flags.addTo(spec, CacheKeys.OPTIONS.keys(), Set.of(CacheKeys.CACHE));
  }

  /** The file, or null when none was given. */
  SettingsFile file() {
    return config == null ? null : SettingsFile.read(config);
  }

  /** All layers together. */
  ResolvedCacheConfig resolve(Map<String, String> environment) {
    return ResolvedCacheConfig.resolve(file(), environment, new CacheFlags(flags.given()));
  }
}
