package io.jdit.cli;

import io.jdit.cache.CacheKeys;
import io.jdit.cache.CacheSection;
import io.jdit.cache.CacheType;
import io.jdit.cache.forecast.ForecastProfile;
import io.jdit.cache.forecast.Level;
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
import picocli.CommandLine.ParameterException;
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
  /** At most one of two goals. */
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
  }

  /** Fewer requests are not divided. */
  private static final int LEAST_SPLIT = 6;

  @ArgGroup private Goal goal;

  @Option(
      names = "--calibrate",
      description =
          "Make the profile for --cache forecast from 8 to 16 prompts and seeds. Of more than 16, 12 are calibrated on; the others say what is to be expected of new pictures, which --quality needs. With --target-psnr: also choose the speed that keeps it.")
  private boolean calibrate;

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
    List<Values> requests = sampling.requests();
    Terminal terminal =
        Terminal.of(
            spec.commandLine().getOut(), spec.commandLine().getErr(), false, System.getenv());
    try (Engine engine =
        Engine.load(model.locate(terminal), model.strategies(), model.threads(), Values.none())) {
      if (calibrate) {
        return calibrate(engine, requests, new TerminalConsole(terminal));
      }
      return search(engine, requests, new TerminalConsole(terminal));
    }
  }

  private void requireFitting() {
    if (goal == null && !calibrate) {
      throw new ParameterException(
          spec.commandLine(), "a goal is missing: --target-psnr, --target-speedup or --calibrate");
    }
    if (calibrate && goal != null && goal.psnr == null) {
      throw new IllegalArgumentException(
          "--calibrate makes a profile of many speeds: ask for one with --forecast-speedup when you generate, and leave out --target-speedup");
    }
    if (calibrate && goal == null && saveConfig != null) {
      throw new IllegalArgumentException(
          "--calibrate writes a profile: give --save-profile, or --target-psnr for settings too");
    }
    if (!calibrate && saveProfile != null) {
      throw new IllegalArgumentException("--save-profile needs --calibrate");
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
    ProfileMaking making = new ProfileMaking(engine, requests, file, console::info);
    ForecastProfile profile = making.run();
    var out = spec.commandLine().getOut();
    out.print(profile.table());
    out.println(file);
    out.flush();
    if (making.more() != null) {
      console.info(making.more());
    }
    if (goal != null) {
      write(settings(profile, goal.psnr, file));
    }
    return ExitCode.OK;
  }

  /** Settings of the fastest speed that keeps a PSNR, with what is known of it. */
  private static String settings(ForecastProfile profile, double psnr, Path file) {
    Level level =
        profile
            .fastest(psnr)
            .orElseThrow(
                () ->
                    new IllegalStateException(
                        "no speed of the profile is known to keep "
                            + psnr
                            + " dB: lower --target-psnr or give more prompts"));
    return "# forecast cache, "
        + level.evidence().keeping(psnr)
        + "\n# "
        + profile.conditions()
        + ", model "
        + profile.conditions().model()
        + "\n"
        + CacheSection.toYaml(
            Values.of(CacheKeys.CACHE_TYPE, CacheType.FORECAST)
                .with(CacheKeys.FORECAST_PROFILE, file.toString())
                .with(CacheKeys.FORECAST_SPEEDUP, level.speedup()));
  }

  /** Tunes on two thirds of the requests, and validates on every third. */
  private int search(Engine engine, List<Values> requests, TerminalConsole console)
      throws Exception {
    TuningGoal target =
        goal.psnr != null ? new TuningGoal.Quality(goal.psnr) : new TuningGoal.Speed(goal.speedup);
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
    write((validation == null ? "" : "# " + validation + "\n") + TuningResult.yaml(chosen));
  }

  private void write(String yaml) throws IOException {
    var out = spec.commandLine().getOut();
    out.print("\n" + yaml);
    out.flush();
    if (saveConfig != null) {
      AtomicFile.write(saveConfig, yaml.getBytes(StandardCharsets.UTF_8));
    }
  }
}
