package io.jdit.cli;

import io.jdit.cache.CacheFile;
import io.jdit.cache.CacheFlags;
import io.jdit.cache.ResolvedCacheConfig;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** Options of the block cache, layered over a file or the environment. */
final class CacheOptions {
  @Option(
      names = "--cache-dit-config",
      paramLabel = "FILE",
      description = "Cache settings as cache-dit's YAML or JSON; switches caching on.")
  Path config;

  @Option(
      names = "--cache",
      negatable = true,
      description =
          "Cache blocks with the serving defaults (F1 B0 W4 R0.24 MC3); --no-cache switches it off whatever else says.")
  Boolean cache;

  @Option(names = "--Fn", paramLabel = "N", description = "First blocks that always run.")
  Integer fn;

  @Option(names = "--Bn", paramLabel = "N", description = "Last blocks that always run.")
  Integer bn;

  @Option(
      names = "--rdt",
      paramLabel = "R",
      description = "Residual difference below which a step is cached.")
  Double rdt;

  @Option(
      names = "--warmup-steps",
      paramLabel = "N",
      description = "Steps computed before caching.")
  Integer warmupSteps;

  @Option(
      names = "--warmup-interval",
      paramLabel = "N",
      description = "Every N-th warm-up step must be computed.")
  Integer warmupInterval;

  @Option(
      names = "--max-cached-steps",
      paramLabel = "N",
      description = "Cached steps of a generation; -1 is no limit.")
  Integer maxCachedSteps;

  @Option(
      names = "--max-continuous-cached-steps",
      paramLabel = "N",
      description = "Cached steps in a row; -1 is no limit.")
  Integer maxContinuousCachedSteps;

  @Option(names = "--taylorseer", description = "Forecast cached steps by a Taylor series.")
  Boolean taylorseer;

  @Option(names = "--taylorseer-order", paramLabel = "N", description = "Order of that series.")
  Integer taylorseerOrder;

  @Option(names = "--dmd", description = "Forecast cached steps by dynamic mode decomposition.")
  Boolean dmd;

  @Option(names = "--foca", description = "Forecast cached steps by FoCa.")
  Boolean foca;

  @Option(
      names = "--scm",
      paramLabel = "PRESET",
      description = "Step mask: none, slow, medium, fast or ultra.")
  String scm;

  @Option(
      names = "--scm-compute-bins",
      split = ",",
      paramLabel = "N",
      description = "Own mask: lengths of the computed runs.")
  List<Integer> scmComputeBins;

  @Option(
      names = "--scm-cache-bins",
      split = ",",
      paramLabel = "N",
      description = "Own mask: lengths of the cached runs.")
  List<Integer> scmCacheBins;

  @Option(
      names = "--scm-policy",
      paramLabel = "POLICY",
      description = "dynamic: masked steps may be cached; static: they are.")
  String scmPolicy;

  @Option(names = "--prune", description = "DBPrune: decide for each block.")
  Boolean prune;

  /** The file, or null when none was given. */
  CacheFile file() {
    return config == null ? null : CacheFile.read(config);
  }

  /** All layers together. */
  ResolvedCacheConfig resolve(Map<String, String> environment) {
    CacheFlags flags =
        new CacheFlags(
            cache,
            fn,
            bn,
            rdt,
            warmupSteps,
            warmupInterval,
            maxCachedSteps,
            maxContinuousCachedSteps,
            taylorseer,
            taylorseerOrder,
            dmd,
            foca,
            scm,
            scmComputeBins,
            scmCacheBins,
            scmPolicy,
            prune);
    return ResolvedCacheConfig.resolve(file(), environment, flags);
  }
}
