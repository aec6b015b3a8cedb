package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.testing.Fixture;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The forecast cache with a profile that is made here, of the embedded model in eight steps. */
class ForecastCacheCommandTest {
  @TempDir static Path folder;
  private static Path profile;
  private static String table;
  private static String said;

  @BeforeAll
  static void calibrate() {
    profile = folder.resolve("profile.json");
    CommandLineRun run =
        CommandLineRun.of(
            "tune",
            "--calibrate",
            "--prompt",
            "a red circle on a white background",
            "--seed",
            "1,2,3,4",
            "--num-inference-steps",
            "8",
            "--device",
            "cpu",
            "--save-profile",
            profile.toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    table = run.out();
    said = run.err();
  }

  private static CommandLineRun generate(String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "generate",
                "--prompt",
                "a red circle on a white background",
                "--device",
                "cpu",
                "--output-path",
                folder.resolve("out").toString()));
    args.addAll(List.of(more));
    if (!args.contains("--num-inference-steps")) {
      args.addAll(List.of("--num-inference-steps", "8"));
    }
    return CommandLineRun.of(args.toArray(String[]::new));
  }

  @Test
  void theProfileShowsWhatItIsForAndItsSchedules() {
    assertThat(table)
        .startsWith("forecast profile for 64x64, num_inference_steps 8, true_cfg_scale 3")
        .containsPattern("\\d\\.\\d\\dx .* 11[01]{6}\\n")
        .endsWith(profile + System.lineSeparator());
    assertThat(said)
        .contains("0 unseen pictures promise nothing with a confidence of 0.9: give 57 prompts");
  }

  @Test
  void aSpeedIsChosenByUnseenPictures() {
    Path settings = folder.resolve("chosen.yaml");
    CommandLineRun run =
        CommandLineRun.of(
            "tune",
            "--calibrate",
            "--model-path",
            Fixture.ROOT.resolve("flux1-schnell-tiny/pipeline").toString(),
            "--height",
            "32",
            "--width",
            "32",
            "--max-sequence-length",
            "24",
            "--target-psnr",
            "20",
            "--prompt",
            "a red circle on a white background",
            "--seed",
            IntStream.range(0, 57).mapToObj(String::valueOf).collect(Collectors.joining(",")),
            "--num-inference-steps",
            "5",
            "--true-cfg-scale",
            "1",
            "--device",
            "cpu",
            "--save-profile",
            folder.resolve("chosen.json").toString(),
            "--save-config",
            settings.toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err()).doesNotContain("promise nothing");
    assertThat(settings)
        .content()
        .startsWith("# forecast cache, ")
        .contains("95 % of new pictures keep 20.0 dB (confidence 0.90: of 45 unseen", ", model ")
        .contains(
            "cache_type: Forecast", "forecast_profile: '" + folder.resolve("chosen.json") + "'");
    assertThat(
            CommandLineRun.of("cache", "explain", "--cache-dit-config", settings.toString()).out())
        .startsWith("cache: Forecast");
  }

  @Test
  void stepsAreForecastAndReported() throws Exception {
    Path page = folder.resolve("cache.html");
    CommandLineRun run =
        generate(
            "--cache",
            "forecast",
            "--forecast-profile",
            profile.toString(),
            "--forecast-speedup",
            "1.5",
            "--cache-report",
            page.toString());
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.err())
        .contains("velocity: Forecast_X1.5_N8_S")
        .containsPattern("cached [1-5] of 8 steps, unconditional calls [1-5]");
    assertThat(page).content().contains("relative error of the forecast, conditional calls");
  }

  @Test
  void aFileOfSettingsTurnsItOn() throws Exception {
    Path file = folder.resolve("cache.yaml");
    Files.writeString(
        file, "cache_type: Forecast\nforecast_profile: " + profile + "\nforecast_speedup: 1.5\n");
    CommandLineRun run =
        CommandLineRun.of(
            "cache", "explain", "--cache-dit-config", file.toString(), "--calls-per-step", "2");
    assertThat(run.out())
        .startsWith("cache: Forecast\n")
        .contains("forecast_speedup  1.5")
        .doesNotContain("residual_diff_threshold");
    CommandLineRun compared =
        CommandLineRun.of(
            "compare",
            "--configs",
            file.toString(),
            "--prompt",
            "a red circle on a white background",
            "--num-inference-steps",
            "8",
            "--device",
            "cpu",
            "--steps",
            "--samples",
            folder.resolve("samples.csv").toString());
    assertThat(compared.exitCode()).as(compared.err()).isZero();
    assertThat(compared.out())
        .contains(
            "a red circle on a white background, seed 1024\n\n| step | cache.yaml |\n|---|---|\n")
        .contains("| 0 | **0.0000** |\n| 1 | **0.0000** |\n")
        .containsPattern("\\| [2-7] \\| 0\\.0\\d*[1-9]\\d* \\|"); // a cached step, not bold
    assertThat(folder.resolve("samples.csv"))
        .content()
        .containsPattern(
            "\"a red circle on a white background, seed 1024\",cache.yaml,\\d+\\.\\d+,");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--num-inference-steps 9 | num_inference_steps is 9, the profile has 8; make one with jdit"
            + " tune --calibrate",
        "--true-cfg-scale 2 | true_cfg_scale is 2, the profile has 3",
        "--forecast-speedup 20 | forecast_speedup is 20.0, the profile reaches",
        "--Fn 2 | --Fn has no meaning with --cache Forecast",
        "--taylorseer | --taylorseer has no meaning with --cache Forecast",
        "--prune | --prune is --cache dbprune: give one of them"
      })
  void whatDoesNotFitIsOneLine(String options, String message) {
    List<String> args =
        new ArrayList<>(List.of("--cache", "forecast", "--forecast-profile", profile.toString()));
    args.addAll(List.of(options.split(" ")));
    CommandLineRun run = generate(args.toArray(String[]::new));
    assertThat(run.exitCode()).isNotZero();
    assertThat(run.err())
        .contains(message)
        .doesNotContain("\tat ", "FluxPipeline"); // before the model is loaded
  }

  @Test
  void theOptionsNeedTheCache() {
    assertThat(generate("--cache", "--forecast-speedup", "2").err())
        .contains("--forecast-speedup needs --cache Forecast");
    assertThat(generate("--cache", "sometimes").err())
        .contains("one of true, false, dbcache, dbprune, forecast");
  }

  @Test
  void withoutAFittingProfileTheNearestIsNamed() {
    CommandLineRun run = generate("--cache", "forecast");
    assertThat(run.exitCode()).isNotZero();
    assertThat(run.err())
        .contains("no forecast profile for 64x64, num_inference_steps 8")
        .contains("; make one with jdit tune --calibrate, or use --cache dbcache");
  }

  @Test
  void aCalibrationNeedsSeveralPrompts() {
    CommandLineRun run =
        CommandLineRun.of(
            "tune", "--calibrate", "--prompt", "x", "--seed", "1,2", "--device", "cpu");
    assertThat(run.exitCode()).isNotZero();
    assertThat(run.err()).contains("--calibrate needs at least 4 prompts or seeds");
  }
}
