package io.jdit.cli;

import io.jdit.cache.forecast.ForecastProfile;
import io.jdit.cache.tune.Candidate;
import io.jdit.cache.tune.Tuner;
import io.jdit.cache.tune.TuningGoal;
import io.jdit.cache.tune.TuningModel;
import io.jdit.cache.tune.TuningResult;
import io.jdit.cache.tune.Validation;
import io.jdit.config.Values;
import io.jdit.engine.CachedSamples;
import io.jdit.engine.Engine;
import io.jdit.engine.ForecastProfiles;
import io.jdit.engine.JournaledTuning;
import io.jdit.engine.ProfileMaking;
import io.jdit.media.AtomicFile;
import io.jdit.report.ScatterPlot;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code jdit tune}: finds cache settings for a model. */
@Command(
    name = "tune",
    mixinStandardHelpOptions = true,
    versionProvider = VersionProvider.class,
    sortOptions = false,
    description =
        "Searches cache settings on prompts and seeds of yours; prints the best trade-offs and writes the best one as a"
            + " file for --cache-dit-config. The worst picture decides about quality.")
final class TuneCommand implements Callable<Integer> {
  /** One of two goals. */
  static final class Goal {
    @Option(
        names = "--target-psnr",
        paramLabel = "DB",
        required = true,
        description = "As fast as possible with at least this PSNR to the uncached picture.")
    Double psnr;

    @Option(
        names = "--target-speedup",
        paramLabel = "X",
        required = true,
        description = "As good as possible with at least so many times fewer block runs.")
    Double speedup;

    @Option(
        names = "--calibrate",
        required = true,
        description =
            "Make the profile for --cache forecast from 8 to 16 prompts and seeds. Of more than 16, 12 are calibrated on; the others say what is to be expected of new pictures, which --quality needs.")
    boolean calibrate;
  }

  /** Fewer requests are not divided. */
  private static final int LEAST_SPLIT = 6;

  @ArgGroup(multiplicity = "1")
  private Goal goal;

  @Mixin private SamplingOptions sampling;
  @Mixin private ModelOptions model;

  @Option(
      names = "--max-runs",
      paramLabel = "N",
      defaultValue = "400",
      description = "Cached generations that the search may make. Default: ${DEFAULT-VALUE}.")
  private int maxRuns;

  @Option(
      names = "--save-config",
      paramLabel = "FILE",
      description = "Where to write the best settings. Default: standard output only.")
  private Path saveConfig;

  @Option(
      names = "--save-profile",
      paramLabel = "FILE",
      description =
          "With --calibrate: where to write the profile. Default: ~/.config/jdit/profiles, where --cache forecast looks.")
  private Path saveProfile;

  @Option(names = "--verbose", description = "Print stack traces of errors.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    requireFitting();
    TuningGoal target =
        goal.calibrate
            ? null
            : goal.psnr != null
                ? new TuningGoal.Quality(goal.psnr)
                : new TuningGoal.Speed(goal.speedup);
    List<Values> requests = sampling.requests();
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(), spec.commandLine().getErr(), false, System.getenv());
    try (Engine engine =
        Engine.load(model.locate(terminal), model.strategies(), model.threads(), Values.none())) {
      if (goal.calibrate) {
        return calibrate(engine, requests, new TerminalConsole(terminal));
      }
      return search(engine, requests, target, new TerminalConsole(terminal));
    }
  }

  private void requireFitting() {
    if (goal.calibrate ? saveConfig != null : saveProfile != null) {
      throw new IllegalArgumentException(
          goal.calibrate
              ? "--calibrate writes a profile: give --save-profile, not --save-config"
              : "--save-profile needs --calibrate");
    }
  }

  private int calibrate(Engine engine, List<Values> requests, TerminalConsole console)
      throws Exception {
    Values first = engine.parameters().resolve(requests.get(0)).values();
    Path file =
        saveProfile != null
            ? saveProfile
            : ForecastProfiles.userFolder(System.getenv())
                .resolve(engine.profiles().conditions(first).fileName());
    ForecastProfile profile = new ProfileMaking(engine, requests, file, console::info).run();
    var out = spec.commandLine().getOut();
    out.print(profile.table());
    out.println(file);
    out.flush();
    return ExitCode.OK;
  }

  /** Tunes on two thirds of the requests, and validates on every third. */
  private int search(
      Engine engine, List<Values> requests, TuningGoal target, TerminalConsole console)
      throws Exception {
    List<Values> seen = new ArrayList<>(requests);
    List<Values> unseen = new ArrayList<>();
    if (requests.size() >= LEAST_SPLIT) {
      seen.clear();
      for (int i = 0; i < requests.size(); i++) {
        (i % 3 == 2 ? unseen : seen).add(requests.get(i));
      }
    }
    TuningModel samples = new CachedSamples(engine, seen, console);
    JournaledTuning journal = null;
    if (saveConfig != null) {
      journal = new JournaledTuning(samples, saveConfig, engine, seen);
      if (journal.known() > 0) {
        console.info("going on after " + journal.known() + " generations");
      }
      samples = journal;
    }
    TuningResult result = new Tuner(samples, target, maxRuns, console::info).run();
    print(result);
    Validation validation = null;
    if (unseen.isEmpty()) {
      console.info(
          "not validated: give at least "
              + LEAST_SPLIT
              + " prompts or seeds, a third of which the search does not see");
    } else {
      validation =
          Validation.first(
              result, target, new CachedSamples(engine, unseen, console), console::info);
      if (validation == null) {
        throw new IllegalStateException(
            "settings met the goal on the prompts of the search, none on the others: lower the target or give more prompts");
      }
    }
    write(validation == null ? result.best() : validation.chosen(), validation);
    if (journal != null) {
      journal.delete();
    }
    return ExitCode.OK;
  }

  private void print(TuningResult result) {
    var out = spec.commandLine().getOut();
    out.print(result.table());
    out.print(
        ScatterPlot.render(
            "times fewer block runs",
            "worst PSNR in dB",
            result.front().stream().mapToDouble(Candidate::speedup).toArray(),
            result.front().stream().mapToDouble(Candidate::worstPsnr).toArray()));
    out.flush();
    if (result.best() == null) {
      throw new IllegalStateException(
          "no settings met the goal in "
              + result.runs()
              + " generations: lower the target or raise --max-runs");
    }
  }

  private void write(Candidate chosen, Validation validation) throws IOException {
    String yaml = (validation == null ? "" : "# " + validation + "\n") + TuningResult.yaml(chosen);
    var out = spec.commandLine().getOut();
    out.print("\n" + yaml);
    out.flush();
    if (saveConfig != null) {
      AtomicFile.write(saveConfig, yaml.getBytes(StandardCharsets.UTF_8));
    }
  }
}
