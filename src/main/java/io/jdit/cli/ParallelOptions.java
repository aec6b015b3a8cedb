package io.jdit.cli;

import io.jdit.config.SettingsFile;
import io.jdit.parallel.ParallelSection;
import io.jdit.parallel.ParallelSettings;
import io.jdit.parallel.RankProcess;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

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
      if (text.equals("auto")) {
        return ParallelSettings.AUTO;
      }
      int size = Integer.parseInt(text);
      if (size < 1) {
        throw new TypeConversionException("sizes are >= 1 or auto, got " + text);
      }
      return size;
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
  ParallelSettings settings(SettingsFile file) {
    if (numGpus < 1) {
      throw new IllegalArgumentException("--num-gpus must be >= 1, got " + numGpus);
    }
    ParallelSettings flags =
        new ParallelSettings(
            ulysses,
            ring,
            tp,
            dp,
            cfgParallel,
            anything,
            float8,
            async,
            null,
            null,
            modules == null ? null : new LinkedHashSet<>(modules));
    ParallelSettings fromFile =
        file == null
            ? ParallelSettings.NONE
            : ParallelSection.read(
                file.section(SettingsFile.PARALLELISM), file.place(SettingsFile.PARALLELISM));
    return flags.over(fromFile);
  }
}
