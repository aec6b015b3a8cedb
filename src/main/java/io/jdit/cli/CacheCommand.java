package io.jdit.cli;

import io.jdit.cache.ResolvedCacheConfig;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code jdit cache}: the block cache without a model. */
@Command(
    name = "cache",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    description = "Shows how cache settings resolve.",
    subcommands = CacheCommand.Explain.class)
final class CacheCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing: explain");
  }

  /** {@code jdit cache explain}. */
  @Command(
      name = "explain",
      mixinStandardHelpOptions = true,
      versionProvider = VersionProvider.class,
      sortOptions = false,
      description =
          "Prints the resolved settings with the origin of each, and the step mask; loads no model.")
  static final class Explain implements Callable<Integer> {
    @Mixin private CacheOptions cache;

    @Option(
        names = "--num-inference-steps",
        defaultValue = "28",
        description = "Default: ${DEFAULT-VALUE}.")
    private int steps;

    @Option(
        names = "--calls-per-step",
        defaultValue = "1",
        description =
            "Transformer calls in a step, 2 with a negative prompt. Default: ${DEFAULT-VALUE}.")
    private int callsPerStep;

    @Option(names = "--verbose", description = "Print stack traces of errors.")
    private boolean verbose;

    @Spec private CommandSpec spec;

    @Override
    public Integer call() {
      if (steps < 1 || callsPerStep < 1 || callsPerStep > 2) {
        throw new IllegalArgumentException(
            "--num-inference-steps must be >= 1 and --calls-per-step 1 or 2");
      }
      ResolvedCacheConfig resolved = cache.resolve(System.getenv());
      spec.commandLine().getOut().print(resolved.explain(steps, callsPerStep));
      spec.commandLine().getOut().flush();
      return ExitCode.OK;
    }
  }
}
