package io.jdit.cli;

import io.jdit.cache.CacheFile;
import io.jdit.config.Key;
import io.jdit.config.Values;
import io.jdit.parallel.ParallelKeys;
import io.jdit.parallel.ParallelSection;
import io.jdit.parallel.RankProcess;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;

/** How a run is laid out over processes; flags lie over the file's {@code parallelism_config}. */
final class ParallelOptions {
  @Option(
      names = "--num-gpus",
      paramLabel = "N",
      defaultValue = "1",
      description =
          "Processes to start, one per GPU, or CPU processes with --device cpu. Under srun, mpirun, torchrun or pbsdsh the"
              + " launcher decides. Default: ${DEFAULT-VALUE}.")
  int numGpus;

  @Option(
      names = {"--ulysses-degree", "--ulysses-size"},
      paramLabel = "N|auto",
      converter = SizeConverter.class,
      description = "Ranks that share the heads of a picture's attention.")
  Integer ulysses;

  @Option(
      names = {"--ring-degree", "--ring-size"},
      paramLabel = "N|auto",
      converter = SizeConverter.class,
      description = "Ranks that pass keys and values around.")
  Integer ring;

  @Option(
      names = "--tp-size",
      paramLabel = "N|auto",
      converter = SizeConverter.class,
      description = "Ranks that share the weights of each layer.")
  Integer tp;

  @Option(
      names = {"--dp-size", "--data-parallel-size", "--dp"},
      paramLabel = "N",
      description = "Replicas that share the prompts.")
  Integer dp;

  @Option(
      names = {"--cfg-parallel", "--enable-cfg-parallel"},
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description = "The two branches of classifier-free guidance on ranks of their own.")
  Boolean cfgParallel;

  @Option(
      names = "--ulysses-anything",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description = "Allow tokens and heads that do not divide.")
  Boolean anything;

  @Option(
      names = "--ulysses-float8",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description = "Exchange in 8 bits.")
  Boolean float8;

  @Option(
      names = "--ulysses-async",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "BOOL",
      description = "Exchange one projection while the next is computed.")
  Boolean async;

  @Option(
      names = "--extra-parallel-modules",
      split = ",",
      paramLabel = "NAME",
      description = "Further parts on several ranks: text_encoder, vae.")
  List<String> modules;

  @Option(
      names = "--dist-timeout",
      paramLabel = "SECONDS",
      description = "Limit of each collective. Default: 600.")
  Integer timeout;

  /** Reads a size or {@code auto}. */
  static final class SizeConverter implements ITypeConverter<Integer> {
    @Override
    public Integer convert(String text) {
      return ParallelKeys.ULYSSES.type().parse(text, "the size");
    }
  }

  Duration timeout() {
    if (timeout != null && timeout < 1) {
      throw new IllegalArgumentException("--dist-timeout must be >= 1, got " + timeout);
    }
    return timeout == null ? RankProcess.DEFAULT_TIMEOUT : Duration.ofSeconds(timeout);
  }

  /**
   * The flags over the section of {@code file}.
   *
   * @param file may be null
   */
  Values settings(CacheFile file) {
    if (numGpus < 1) {
      throw new IllegalArgumentException("--num-gpus must be >= 1, got " + numGpus);
    }
    Values flags = Values.none();
    flags = with(flags, ParallelKeys.ULYSSES, ulysses);
    flags = with(flags, ParallelKeys.RING, ring);
    flags = with(flags, ParallelKeys.TP, tp);
    flags = with(flags, ParallelKeys.DP, dp);
    flags = with(flags, ParallelKeys.CFG_PARALLEL, cfgParallel);
    flags = with(flags, ParallelKeys.ANYTHING, anything);
    flags = with(flags, ParallelKeys.FLOAT8, float8);
    flags = with(flags, ParallelKeys.ASYNC, async);
    flags =
        with(flags, ParallelKeys.MODULES, modules == null ? null : new LinkedHashSet<>(modules));
    return file == null
        ? flags
        : flags.over(
            ParallelSection.read(file.parallelism(), file.name() + ": parallelism_config"));
  }

  private static <T> Values with(Values values, Key<T> key, T value) {
    return value == null ? values : values.with(key, value);
  }
}
