package io.jdit.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.jdit.cache.forecast.Evidence;
import io.jdit.cache.forecast.ForecastProfile;
import io.jdit.cache.forecast.ProfileFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A validation goes on where it was stopped. */
class KilledCalibrationTest {
  @Test
  void whatWasValidatedIsNotRunAgain(@TempDir Path folder) throws Exception {
    Path profile = folder.resolve("p.json");
    Path journal = folder.resolve("p.json.progress");
    String[] command = {
      "tune",
      "--calibrate",
      "--prompt",
      "a red circle on a white background",
      "--seed",
      "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18",
      "--num-inference-steps",
      "4",
      "--true-cfg-scale",
      "1",
      "--device",
      "cpu",
      "--save-profile",
      profile.toString()
    };
    CommandLineRun whole = CommandLineRun.of(command);
    assertThat(whole.exitCode()).as(whole.err()).isZero();
    assertThat(journal).doesNotExist();
    ForecastProfile made = ProfileFile.read(profile);
    assertThat(made.prompts()).isEqualTo(12);
    Evidence evidence = made.levels().get(0).evidence();
    assertThat(evidence.samples()).isEqualTo(6);
    assertThat(evidence.bound()).isEqualTo(evidence.worstPsnr());

    // What a run that was killed in its third validation leaves, with a torn last line.
    ProfileFile.write(
        made.withLevels(made.levels().stream().map(l -> l.with(null)).toList()), profile);
    String line = "77.7 0.5 ".repeat(made.levels().size()).strip();
    String task =
        whole
            .err()
            .lines()
            .filter(l -> l.startsWith("requests "))
            .findFirst()
            .orElseThrow()
            .split(" are")[0];
    Files.write(journal, List.of(task, line, line));
    Files.writeString(journal, Files.readString(journal) + "77.7 0.");
    CommandLineRun resumed = CommandLineRun.of(command);
    assertThat(resumed.exitCode()).as(resumed.err()).isZero();
    assertThat(resumed.err())
        .contains("going on with " + profile)
        .contains("validation 3/6")
        .doesNotContain("validation 2/6")
        .doesNotContain("calibration 1");
    assertThat(journal).doesNotExist();
    assertThat(ProfileFile.read(profile).levels().get(0).evidence().samples()).isEqualTo(6);

    // Other prompts are another task.
    Files.write(journal, List.of("requests 0", line));
    assertThat(CommandLineRun.of(command).err()).contains("calibration 1/12");
  }
}
