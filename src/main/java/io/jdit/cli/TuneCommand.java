package io.jdit.cli;

import io.jdit.cache.tune.Candidate;
import io.jdit.cache.tune.Tuner;
import io.jdit.cache.tune.TuningGoal;
import io.jdit.cache.tune.TuningResult;
import io.jdit.media.AtomicFile;
import io.jdit.pipeline.GenerationRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code jdit tune}: searches cache settings for a model, a step count and a goal. */
@Command(
    name = "tune",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    sortOptions = false,
    description =
        "Searches cache settings: the fastest above a quality, or the best above a speed-up.")
final class TuneCommand implements Callable<Integer> {
  /** One of two goals. */
  static final class Goal {
    @Option(
        names = "--target-psnr",
        paramLabel = "DB",
        description = "Least PSNR of every sample against the uncached picture.")
    Double psnr;

    @Option(
        names = "--target-speedup",
        paramLabel = "X",
        description = "Least reduction of the time in transformer blocks.")
    Double speedup;

    TuningGoal goal() {
      double value = psnr != null ? psnr : speedup;
      if (!(value > 0)) {
        throw new IllegalArgumentException("the target must be > 0, got " + value);
      }
      return psnr != null ? new TuningGoal.Quality(psnr) : new TuningGoal.Speed(speedup);
    }
  }

  @ArgGroup(multiplicity = "1")
  private Goal target;

  @Mixin private SamplingOptions sampling;
  @Mixin private ModelOptions model;

  @Option(
      names = "--budget",
      defaultValue = "300",
      description = "Generations that may be made. Default: ${DEFAULT-VALUE}.")
  private int budget;

  @Option(
      names = "--output",
      paramLabel = "FILE.yaml",
      defaultValue = "cache.yaml",
      description = "Where the best settings go. Default: ${DEFAULT-VALUE}.")
  private Path output;

  @Option(names = "--quiet", description = "Print the result only.")
  private boolean quiet;

  @Option(names = "--verbose", description = "Print stack traces of errors.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(), spec.commandLine().getErr(), quiet, System.getenv());
    TuningGoal goal = target.goal();
    if (budget < 1) {
      throw new IllegalArgumentException("--budget must be >= 1, got " + budget);
    }
    List<GenerationRequest> requests = sampling.requests();
    TuningResult result;
    try (CachedSamples samples =
        new CachedSamples(model.locate(terminal), model.loadOptions(), requests, terminal)) {
      result = new Tuner(samples, goal, budget, line -> terminal.info("%s", line)).run();
    }
    terminal.out().print(result.table());
    List<Candidate> front = result.front();
    terminal
        .out()
        .print(
            ScatterPlot.render(
                "speed-up of the blocks",
                "worst PSNR in dB",
                front.stream().mapToDouble(Candidate::speedup).toArray(),
                front.stream().mapToDouble(Candidate::worstPsnr).toArray()));
    terminal.out().flush();
    if (result.best() == null) {
      terminal
          .err()
          .println(
              "jdit: no settings met the goal in "
                  + result.runs()
                  + " generations: lower it or raise --budget");
      return ExitCode.FAILED;
    }
    AtomicFile.write(output, result.yaml().getBytes(StandardCharsets.UTF_8));
    terminal.info("%d cached generations tried", result.runs());
    terminal.out().println(output);
    return ExitCode.OK;
  }
}
